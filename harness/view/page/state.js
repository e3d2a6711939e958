/* The run as its JSON tells it, and what of it is chosen, which stands in the address. */

const run = JSON.parse(byId('summary').textContent);
const boards = run.boards;
const squares = run.squares.map(([outcome, words, reason, alert, meaning]) => ({
	outcome,
	words,
	reason,
	alert,
	meaning,
	alertKey: alert === null ? '' : alertKey(alert),
}));
const glyphs = Object.fromEntries(run.outcomes.map(([word, glyph]) => [word, glyph]));
const rows = run.rows.map(([suite, name, scenario, matrix]) => ({
	suite,
	name,
	matrix,
	scenario: run.scenarios[scenario][0],
	why: run.scenarios[scenario][1],
	cells: new Array(boards.length).fill(null),
}));
const cells = run.cells.map(([row, board, square, block, line, flaky, times, groups, id]) => {
	const cell = {
		row: rows[row],
		board,
		square: squares[square],
		block,
		line,
		flaky: flaky === 1,
		times: times || null,
		groups: groups || [],
		id: id || `${run.suites[rows[row].suite]}/${rows[row].name}/${boards[board].name}`,
	};
	cell.row.cells[board] = cell;
	return cell;
});
const cellsById = new Map(cells.map((cell) => [cell.id, cell]));

function isUnsafe(cell) {
	return cell.square.reason === 'unsafe';
}

/* "40 from the server" */
function alertKey(alert) {
	return `${alert.number}-${alert.from}`;
}

/* Axes of a row as "certificate: rsa-2048". */
function axesOf(row) {
	row.axes =
		row.axes ||
		Object.entries(row.matrix || {}).map(
			([path, value]) => `${path.replace(/^(server|client)\./, '')}: ${worded(value)}`,
		);
	return row.axes;
}

/* --- what is chosen --- */

const KEYS = ['cell', 'state', 'board', 'axis', 'alert', 'cause', 'q'];
let chosen = {};
const watchers = [];

function readAddress() {
	const words = new URLSearchParams(location.hash.slice(1));
	return Object.fromEntries(KEYS.map((key) => [key, words.get(key) || '']));
}

/* The address of a choice. Slashes and colons may stay: they are easier to read. */
function address(choice) {
	const words = KEYS.filter((key) => choice[key]).map(
		(key) =>
			`${key}=${encodeURIComponent(choice[key]).replace(/%(2F|3A|2C)/g, decodeURIComponent)}`,
	);
	return `#${words.join('&')}`;
}

function tellWatchers(before) {
	for (const watcher of watchers) watcher(before);
}

/* Chooses anew. `remember`: the browser's way back leads to what was chosen before. */
function choose(change, remember) {
	const before = chosen;
	chosen = {...chosen, ...change};
	const where = address(chosen) === '#' ? location.pathname + location.search : address(chosen);
	history[remember ? 'pushState' : 'replaceState'](null, '', where);
	tellWatchers(before);
}

function followAddress() {
	const before = chosen;
	chosen = readAddress();
	tellWatchers(before);
}

/* --- the filter --- */

function isFiltering() {
	return KEYS.some((key) => key !== 'cell' && chosen[key]);
}

/* All that the search looks at, made when it is first needed. */
function textOf(cell) {
	cell.text =
		cell.text ||
		`${cell.id} ${cell.square.outcome} ${cell.square.words} ${cell.square.reason} ${
			cell.flaky ? 'flaky' : ''
		} ${axesOf(cell.row).join(' ')} ${cell.groups
			.map((group) => `${run.groups[group].id} ${run.groups[group].title}`)
			.join(' ')}`.toLowerCase();
	return cell.text;
}

/* Whether a cell is among the chosen, as a function made once for a choice. */
function chosenTest(choice) {
	const states = new Set(choice.state ? choice.state.split(',') : []);
	const words = choice.q
		.toLowerCase()
		.split(/\s+/)
		.filter((word) => word);
	const causes = new Set(
		run.groups.flatMap((group, i) => (group.id === choice.cause ? [i] : [])),
	);
	const tests = [];
	if (states.size > 0)
		tests.push(
			(cell) =>
				states.has(cell.square.outcome) ||
				(states.has('unsafe') && isUnsafe(cell)) ||
				(states.has('flaky') && cell.flaky),
		);
	if (choice.board) tests.push((cell) => boards[cell.board].name === choice.board);
	if (choice.axis) tests.push((cell) => axesOf(cell.row).includes(choice.axis));
	if (choice.alert) tests.push((cell) => cell.square.alertKey === choice.alert);
	if (choice.cause) tests.push((cell) => cell.groups.some((group) => causes.has(group)));
	if (words.length > 0) tests.push((cell) => words.every((word) => textOf(cell).includes(word)));
	return (cell) => tests.every((test) => test(cell));
}

/* --- the details --- */

const blocks = new Map();

/* The lines of a block of details: base64, deflated. The last holds what the others share. */
async function openBlock(number) {
	if (typeof DecompressionStream === 'undefined')
		throw new Error(
			'This browser is too old to open the details (it has no DecompressionStream).',
		);
	const bytes = Uint8Array.from(atob(byId(`block-${number}`).textContent), (c) =>
		c.charCodeAt(0),
	);
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
	const lines = (await new Response(stream).text()).trimEnd().split('\n');
	return {lines, shared: JSON.parse(lines.pop())};
}

async function detailsOf(cell) {
	if (!blocks.has(cell.block)) blocks.set(cell.block, openBlock(cell.block));
	const {lines, shared} = await blocks.get(cell.block);
	return JSON.parse(lines[cell.line], (_, value) =>
		value !== null && typeof value === 'object' && '@' in value ? shared[value['@']] : value,
	);
}
