/* The matrix: a table that is built as far as it is looked at, and a filter above it. */

const CELLS_AT_ONCE = 500;

const matrix = {
	items: [],
	built: 0,
	body: null,
	inner: false,
	rest: null,
	table: null,
	columns: [],
	test: null,
};

function cellAddress(cell) {
	return address({...chosen, cell: cell.id});
}

function square(cell) {
	const glyph = glyphs[cell.square.outcome];
	return el(
		'td',
		{
			class:
				`s-${cell.square.outcome}${isUnsafe(cell) ? ' s-unsafe' : ''}` +
				(matrix.test(cell) ? '' : ' dim'),
		},
		el(
			'a',
			{
				href: cellAddress(cell),
				tabindex: '-1',
				'data-cell': cell.id,
				title: `${cell.id}: ${cell.square.words}`,
			},
			el('span', {class: 'glyph', 'aria-hidden': 'true'}, glyph),
			' ',
			cell.square.words,
			cell.flaky && !cell.square.words.includes('flaky') ? ' flaky' : '',
		),
	);
}

function rowName(row) {
	return row.matrix && row.name.startsWith(`${row.scenario}/`)
		? row.name.slice(row.scenario.length + 1).replaceAll(',', ', ')
		: row.name;
}

function matrixRow(item) {
	const row = item.row;
	return el(
		'tr',
		{'aria-rowindex': item.index},
		el('th', {scope: 'row', class: item.inner ? 'inner' : null, title: row.why}, rowName(row)),
		matrix.columns.map((i) =>
			row.cells[i] ? square(row.cells[i]) : el('td', {class: 'none'}),
		),
	);
}

function groupHead(item) {
	return el(
		'tr',
		{'aria-rowindex': item.index, class: `head-${item.kind}`},
		el(
			'th',
			{scope: 'rowgroup', colspan: matrix.columns.length + 1, title: item.why},
			item.title,
		),
	);
}

/* Suites, scenarios with a matrix, and rows, in their order; the rows that are chosen alone. */
function arrange() {
	let suite = -1,
		scenario = '',
		index = 1;
	matrix.items = [];
	const head = (kind, title, why) => matrix.items.push({kind, title, why, index: ++index});
	for (const row of rows) {
		if (!row.cells.some((cell) => cell !== null && matrix.test(cell))) continue;
		if (row.suite !== suite) {
			head('suite', run.suites[row.suite], null);
			scenario = '';
		}
		if (row.matrix && row.scenario !== scenario) head('scenario', row.scenario, row.why);
		suite = row.suite;
		scenario = row.matrix ? row.scenario : '';
		matrix.items.push({kind: 'row', row, inner: row.matrix !== null, index: ++index});
	}
	return index;
}

/* The next rows of the table, until `enough` cells are there. */
function buildRows(enough) {
	const fresh = [];
	for (
		let n = 0;
		matrix.built < matrix.items.length && n < enough;
		n += matrix.columns.length + 1
	) {
		const item = matrix.items[matrix.built++];
		if (item.kind !== 'row' || matrix.body === null || item.inner !== matrix.inner) {
			matrix.body = el('tbody');
			fresh.push(matrix.body);
		}
		matrix.inner = item.kind === 'scenario' || Boolean(item.inner);
		matrix.body.append(item.kind === 'row' ? matrixRow(item) : groupHead(item));
	}
	matrix.table.append(...fresh);
	matrix.rest.hidden = matrix.built === matrix.items.length;
	if (!matrix.table.querySelector('a[tabindex="0"]'))
		matrix.table.querySelector('a')?.setAttribute('tabindex', '0');
}

function boardHead(i) {
	const board = boards[i];
	return el(
		'th',
		{scope: 'col'},
		el('span', {class: 'board'}, board.name),
		el('span', {class: 'stack'}, [board.stack, board.stack_version].filter(Boolean).join(' ')),
	);
}

function describeChosen(shown) {
	const hits = shown.reduce(
		(n, item) =>
			n +
			(item.kind === 'row'
				? item.row.cells.filter((cell) => cell && matrix.test(cell)).length
				: 0),
		0,
	);
	return isFiltering()
		? `${count(hits, 'cell')} of ${cells.length.toLocaleString('en')}`
		: count(cells.length, 'cell');
}

function drawMatrix() {
	matrix.test = chosenTest(chosen);
	matrix.columns = boards
		.map((_, i) => i)
		.filter((i) => !chosen.board || boards[i].name === chosen.board);
	const last = arrange();
	const caption = el('caption', {class: 'unseen'}, 'Cases by row, boards by column');
	matrix.table = el(
		'table',
		{class: 'matrix', 'aria-rowcount': last},
		caption,
		el(
			'thead',
			{},
			el(
				'tr',
				{'aria-rowindex': 1},
				el('th', {scope: 'col'}, 'Case'),
				matrix.columns.map(boardHead),
			),
		),
	);
	matrix.body = null;
	matrix.built = 0;
	byId('matrix-count').textContent = describeChosen(matrix.items);
	byId('matrix-place').replaceChildren(
		matrix.items.length > 0
			? matrix.table
			: el('p', {class: 'empty'}, 'No cell is like that. ', clearButton()),
	);
	buildRows(CELLS_AT_ONCE);
}

/* What the squares' words do not say by themselves. */
function legend() {
	const lines = new Map();
	for (const one of squares) {
		if (one.meaning) lines.set(one.words.replace(/ [\u2192\d].*$/, ''), one.meaning);
		if (one.alert)
			lines.set(
				one.words.match(/\u2192?\d+\u2192?/)?.[0] || String(one.alert.number),
				`alert ${one.alert.description || one.alert.number}, from the ${sender(one.alert)}`,
			);
	}
	return lines.size === 0
		? null
		: el(
				'dl',
				{class: 'legend'},
				[...lines].map(([word, meaning]) =>
					el('div', {}, el('dt', {}, word), el('dd', {}, meaning)),
				),
			);
}

/* --- keyboard --- */

/* Where a key leads from a cell: [rows down, columns right]. */
const STEPS = {
	ArrowUp: [-1, 0],
	ArrowDown: [1, 0],
	ArrowLeft: [0, -1],
	ArrowRight: [0, 1],
	PageUp: [-12, 0],
	PageDown: [12, 0],
	Home: [0, -Infinity],
	End: [0, Infinity],
};

function hold(link) {
	matrix.table.querySelector('a[tabindex="0"]')?.setAttribute('tabindex', '-1');
	link.setAttribute('tabindex', '0');
	link.focus();
	link.scrollIntoView({block: 'nearest', inline: 'nearest'});
}

/* The nearest link in that row, going by its column. */
function linkIn(line, column) {
	const links = [...line.querySelectorAll('a')];
	return links.find((link) => link.parentNode.cellIndex >= column) || links.at(-1);
}

function moveInMatrix(event) {
	const link = event.target.closest('a[data-cell]'),
		step = STEPS[event.key];
	if (!link || !step || event.altKey || event.ctrlKey || event.metaKey) return;
	event.preventDefault();
	const line = link.closest('tr'),
		column = link.parentNode.cellIndex;
	if (step[0] === 0) {
		const links = [...line.querySelectorAll('a')];
		const to = Math.min(Math.max(links.indexOf(link) + step[1], 0), links.length - 1);
		hold(links[to]);
		return;
	}
	if (step[0] > 0) buildRows(step[0] * (matrix.columns.length + 1));
	const lines = [...matrix.table.querySelectorAll('tr')].filter((one) => one.querySelector('a'));
	const to = Math.min(Math.max(lines.indexOf(line) + step[0], 0), lines.length - 1);
	hold(linkIn(lines[to], column));
}

/* --- the filter --- */

function clearButton() {
	return el(
		'button',
		{
			type: 'button',
			onclick: () =>
				choose(
					Object.fromEntries(
						KEYS.filter((key) => key !== 'cell').map((key) => [key, '']),
					),
				),
		},
		'Show all',
	);
}

function stateChip(state, glyph, label, n) {
	return el(
		'button',
		{
			type: 'button',
			class: `chip s-${state}`,
			'data-state': state,
			'aria-pressed': 'false',
			onclick: () => {
				const states = new Set(chosen.state ? chosen.state.split(',') : []);
				states.has(state) ? states.delete(state) : states.add(state);
				choose({state: [...states].join(',')});
			},
		},
		el('span', {class: 'glyph', 'aria-hidden': 'true'}, glyph),
		` ${label} `,
		el('span', {class: 'n'}, n.toLocaleString('en')),
	);
}

function stateChips() {
	const flaky = cells.filter((cell) => cell.flaky).length;
	const unsafe = cells.filter(isUnsafe).length;
	return [
		unsafe > 0 ? stateChip('unsafe', '\u2717', 'UNSAFE', unsafe) : null,
		...run.outcomes.map(([word, glyph, n]) => stateChip(word, glyph, word, n)),
		flaky > 0 ? stateChip('flaky', '~', 'flaky', flaky) : null,
	];
}

/* A choice of one value; nothing where there is none to choose. */
function chooser(key, label, values) {
	return values.length === 0
		? null
		: el(
				'label',
				{},
				el('span', {}, label),
				el(
					'select',
					{'data-key': key, onchange: (event) => choose({[key]: event.target.value})},
					el('option', {value: ''}, 'all'),
					values.map(([value, text]) => el('option', {value}, text)),
				),
			);
}

function counted(keys) {
	const n = new Map();
	for (const key of keys) n.set(key, (n.get(key) || 0) + 1);
	return n;
}

function alertChoices() {
	const alerts = cells.map((cell) => cell.square.alert).filter((alert) => alert !== null);
	const words = new Map(
		alerts.map((alert) => [
			alertKey(alert),
			`${alert.description || 'alert'} (${alert.number}) from the ${sender(alert)}`,
		]),
	);
	return [...counted(alerts.map(alertKey))]
		.sort((a, b) => b[1] - a[1])
		.map(([key, n]) => [key, `${words.get(key)}: ${n}`]);
}

function axisChoices() {
	return [...new Set(rows.filter((row) => row.matrix).flatMap(axesOf))]
		.sort()
		.map((axis) => [axis, axis]);
}

function makeMatrix() {
	const causes = new Map(run.groups.map((group) => [group.id, group.title]));
	byId('matrix').append(
		el(
			'div',
			{class: 'title-line'},
			el('h2', {id: 'matrix-title'}, 'Matrix'),
			el('span', {id: 'matrix-count', role: 'status'}),
		),
		el(
			'div',
			{class: 'filter', role: 'search', 'aria-label': 'Filter of the matrix'},
			el('div', {class: 'chips', role: 'group', 'aria-label': 'State'}, stateChips()),
			el(
				'div',
				{class: 'choosers'},
				el(
					'label',
					{},
					el('span', {}, 'Search'),
					el('input', {
						type: 'search',
						'data-key': 'q',
						autocomplete: 'off',
						oninput: (event) => choose({q: event.target.value}),
					}),
				),
				chooser('cause', 'Cause', [...causes]),
				chooser(
					'board',
					'Board',
					boards.length > 1 ? boards.map((board) => [board.name, board.name]) : [],
				),
				chooser('alert', 'Alert', alertChoices()),
				chooser('axis', 'Axis', axisChoices()),
				el('span', {id: 'clear'}, clearButton()),
			),
		),
		el('div', {
			class: 'scroll',
			id: 'matrix-place',
			onkeydown: moveInMatrix,
			onclick: openFromMatrix,
		}),
		el(
			'div',
			{id: 'matrix-rest', class: 'rest'},
			el('button', {type: 'button', onclick: () => buildRows(Infinity)}, 'Show all rows'),
		),
		legend() || '',
	);
	matrix.rest = byId('matrix-rest');
	new IntersectionObserver(
		(seen) => {
			if (seen.some((one) => one.isIntersecting) && !matrix.rest.hidden)
				buildRows(CELLS_AT_ONCE);
		},
		{rootMargin: '1200px'},
	).observe(matrix.rest);
	addEventListener('beforeprint', () => buildRows(Infinity));
	watchers.push(followChoice);
}

/* A plain click opens the cell here; with a modifier the browser does what it likes. */
function openFromMatrix(event) {
	const link = event.target.closest('a[data-cell]');
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
	event.preventDefault();
	choose({cell: link.dataset.cell}, true);
}

function showChoice() {
	const states = new Set(chosen.state ? chosen.state.split(',') : []);
	for (const chip of document.querySelectorAll('.chip'))
		chip.setAttribute('aria-pressed', String(states.has(chip.dataset.state)));
	for (const input of document.querySelectorAll('[data-key]'))
		if (input.value !== chosen[input.dataset.key]) input.value = chosen[input.dataset.key];
	byId('clear').hidden = !isFiltering();
}

function followChoice(before) {
	if (KEYS.every((key) => key === 'cell' || chosen[key] === before[key]) && matrix.table !== null)
		return;
	showChoice();
	drawMatrix();
}
