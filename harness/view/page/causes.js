/* The first screen: what works, what does not, why, and what helps. */

const CELLS_SHOWN = 40;

function tally(of) {
	const n = Object.fromEntries(run.outcomes.map(([word]) => [word, 0]));
	for (const cell of of) n[cell.square.outcome]++;
	return n;
}

/* A bar of the outcomes' shares; beside it stand the numbers. */
function shareBar(n) {
	const bar = el('div', {class: 'bar', 'aria-hidden': 'true'});
	for (const [word] of run.outcomes)
		if (n[word] > 0) {
			const share = el('span', {class: `s-${word}`});
			share.style.flexGrow = n[word];
			bar.append(share);
		}
	return bar;
}

/* Outcomes in the order in which they matter, in words for one cell and for several. */
const VERDICTS = [
	['fail', 'fails', 'fail'],
	['error', 'is an error of the harness', 'are errors of the harness'],
	['inconclusive', 'is inconclusive', 'are inconclusive'],
	['xpass', 'passes against its list', 'pass against their list'],
	['xfail', 'is a known failure', 'are known failures'],
	['unsupported', 'is unsupported', 'are unsupported'],
	['skip', 'was skipped', 'were skipped'],
];

function verdictSentence() {
	const n = tally(cells),
		others = VERDICTS.filter(([word]) => n[word] > 0).map(
			([word, one, many]) => `${n[word].toLocaleString('en')} ${n[word] === 1 ? one : many}`,
		);
	if (others.length === 0)
		return cells.length === 0
			? 'The run has no cells'
			: `All ${count(cells.length, 'cell')} pass`;
	const passed = (n.pass || 0).toLocaleString('en');
	return `${passed} of ${count(cells.length, 'cell')} pass; ${listed(others)}`;
}

function notices() {
	const skipped = cells.filter((cell) => cell.square.reason === 'not-run').length;
	const unsafe = cells.filter((cell) => isUnsafe(cell) && cell.square.outcome === 'fail').length;
	return [
		unsafe > 0
			? el(
					'p',
					{class: 'notice unsafe'},
					el('strong', {}, 'Unsafe. '),
					`In ${count(unsafe, 'cell')} a board accepted what it must refuse.`,
				)
			: null,
		run.run.complete
			? null
			: el(
					'p',
					{class: 'notice'},
					el('strong', {}, 'The run was cut short. '),
					'What is here is what was done',
					skipped > 0 ? `; ${count(skipped, 'cell')} did not run.` : '.',
				),
		...(run.run.notices || []).map((text) => el('p', {class: 'notice'}, text)),
		...run.rule_faults.map((text) => el('p', {class: 'notice'}, 'A rule is at fault: ', text)),
	];
}

function boardCard(board, i) {
	const own = cells.filter((cell) => cell.board === i),
		n = tally(own);
	const words = run.outcomes
		.filter(([word]) => n[word] > 0)
		.map(([word]) => `${n[word]} ${word}`);
	return el(
		'li',
		{},
		el(
			'button',
			{
				type: 'button',
				class: 'card',
				title: 'Show this board alone in the matrix',
				onclick: () => {
					choose({board: chosen.board === board.name ? '' : board.name});
					byId('matrix').scrollIntoView();
				},
			},
			el('span', {class: 'board'}, board.name),
			el(
				'span',
				{class: 'stack'},
				[board.stack, board.stack_version].filter(Boolean).join(' '),
			),
			shareBar(n),
			el('span', {class: 'numbers'}, words.join(' \u00b7 ')),
		),
	);
}

function makeHead() {
	const began = run.run.started.replace('T', ' ').replace(/\..*/, ' UTC');
	byId('head').append(
		el(
			'p',
			{class: 'kicker'},
			el('strong', {}, 'Shakedown'),
			` ${listed(run.suites)} \u00b7 `,
			`${count(cells.length, 'cell')} on ${count(boards.length, 'board')} \u00b7 ${began}`,
			run.seconds === null ? '' : ` \u00b7 ${duration(run.seconds * 1000)}`,
		),
		el('h1', {}, verdictSentence()),
		...notices().filter((one) => one !== null),
		el('ul', {class: 'cards', 'aria-label': 'Boards'}, boards.map(boardCard)),
	);
}

/* --- causes --- */

function cellLink(cell, words) {
	return el('a', {href: cellAddress(cell), 'data-cell': cell.id, onclick: openFromMatrix}, words);
}

/* The cells by case: "rsa-certificate-in-tls-1.3 on netx-fixed, wolfssl". */
function cellsOf(group, own) {
	const byRow = new Map();
	for (const cell of own.slice(0, CELLS_SHOWN))
		byRow.set(cell.row, [...(byRow.get(cell.row) || []), cell]);
	return [
		el(
			'ul',
			{class: 'plain'},
			[...byRow].map(([row, of]) =>
				el(
					'li',
					{},
					`${run.suites.length > 1 ? `${run.suites[row.suite]}/` : ''}${row.name} on `,
					of.map((cell, i) => [
						i > 0 ? ', ' : '',
						cellLink(cell, boards[cell.board].name),
					]),
				),
			),
		),
		own.length > CELLS_SHOWN
			? el(
					'p',
					{},
					`and ${count(own.length - CELLS_SHOWN, 'more cell', 'more cells')}. `,
					el(
						'button',
						{
							type: 'button',
							onclick: () => {
								choose({cause: group.id});
								byId('matrix').scrollIntoView();
							},
						},
						'Show them in the matrix',
					),
				)
			: null,
	];
}

function evidenceList(evidence) {
	return (evidence || []).length === 0
		? null
		: el(
				'ul',
				{class: 'said'},
				evidence.map((one) =>
					el('li', {}, el('span', {class: 'who'}, one.witness), el('span', {}, one.text)),
				),
			);
}

/* "netxduo: Call ..." with the stack in bold. */
function fixLine(text) {
	const [, stack, words] = text.match(/^([^:]{1,40}): ([^]*)$/) || [null, '', text];
	return stack ? [el('strong', {}, stack), ' ', words] : text;
}

function fact(label, content) {
	return content ? [el('dt', {}, label), el('dd', {}, content)] : [];
}

function remedy(boardFixes, serverFix) {
	const lines = [
		...boardFixes.map((fix) => el('li', {}, fixLine(fix))),
		serverFix ? el('li', {}, el('strong', {}, 'server'), ' ', serverFix) : null,
	];
	return boardFixes.length > 0 || serverFix ? el('ul', {}, lines) : null;
}

function reading(diagnosis) {
	return items('ul', [...(diagnosis.rfc || []), ...(diagnosis.refs || [])], reference);
}

function logLines(lines) {
	return lines.length > 0 ? el('pre', {tabindex: '0'}, lines.join('\n')) : null;
}

function causeBody(group, own) {
	return [
		el('p', {class: 'cause'}, group.cause),
		el(
			'dl',
			{class: 'facts'},
			fact('What helps', remedy(group.board_fixes, group.server_fix)),
			fact(
				'Proof',
				items('ul', group.proof, (line) => line),
			),
			fact('Seen', evidenceList(group.evidence)),
			fact('UART', logLines(group.log)),
			fact('Read', reading(group)),
			fact('Cells', cellsOf(group, own)),
		),
	];
}

/* A cause with its cells: those that ask for somebody's time, and those that were expected. */
function causeOf(group, index) {
	const own = cells.filter((cell) => cell.groups.includes(index));
	const open = own.filter((cell) => OPEN.has(cell.square.outcome));
	return {group, own, open, unsafe: own.some(isUnsafe)};
}

const OPEN = new Set(['fail', 'xpass', 'inconclusive', 'error']);

/* Unsafe ones first, then by how many cells they cost; what was expected comes last. */
function compareCauses(a, b) {
	const rank = (cause) => (cause.open.length === 0 ? 2 : cause.group.unsafe ? 0 : 1);
	return (
		rank(a) - rank(b) ||
		b.unsafe - a.unsafe ||
		b.open.length - a.open.length ||
		b.own.length - a.own.length
	);
}

/* "6 cells on 2 boards", and how many more that were expected. */
function extent({own, open}) {
	const shown = open.length > 0 ? open : own,
		rest = own.length - open.length;
	const n = new Set(shown.map((cell) => cell.board)).size;
	const expected = new Set(
		own.filter((cell) => !open.includes(cell)).map((cell) => cell.square.outcome),
	);
	const words = listed([...expected].map((word) => (word === 'xfail' ? 'known' : word)));
	return el(
		'span',
		{class: open.length > 0 ? 'where' : 'where expected'},
		`${count(shown.length, 'cell')} on ${count(n, 'board')}`,
		rest === 0
			? ''
			: el('span', {class: 'sub'}, open.length > 0 ? ` and ${rest} ${words}` : ` (${words})`),
	);
}

function causeItem(cause) {
	const {group, own} = cause;
	const help = group.board_fixes[0] || (group.server_fix ? `server: ${group.server_fix}` : '');
	const item = el(
		'details',
		{class: group.unsafe ? 'unsafe' : null},
		el(
			'summary',
			{},
			extent(cause),
			el(
				'span',
				{class: 'what'},
				el('span', {class: 'title'}, cause.unsafe ? 'UNSAFE: ' : '', group.title),
				' ',
				el('span', {class: 'confidence'}, group.confidence),
				help ? el('span', {class: 'help'}, 'Helps: ', fixLine(help)) : null,
			),
		),
	);
	item.addEventListener('toggle', () => {
		if (item.open && item.children.length === 1)
			item.append(el('div', {class: 'body'}, causeBody(group, own)));
	});
	return el('li', {}, item);
}

function makeCauses() {
	const title = el('h2', {id: 'causes-title'}, 'Why, and what helps');
	if (run.groups.length === 0) {
		byId('causes').append(
			title,
			el('p', {class: 'empty'}, 'Nothing failed that would need an explanation.'),
		);
	} else {
		byId('causes').append(
			title,
			el('ol', {class: 'causes'}, run.groups.map(causeOf).sort(compareCauses).map(causeItem)),
		);
		addEventListener('beforeprint', () => {
			for (const item of document.querySelectorAll('.causes details')) {
				item.open = true;
				item.dispatchEvent(new Event('toggle')); /* the browser's own comes too late */
			}
		});
	}
	if (run.remarks.length > 0)
		byId('causes').append(
			el(
				'details',
				{class: 'remarks'},
				el('summary', {}, 'What the cells have in common, and what was skipped'),
				items('ul', run.remarks, (line) => line),
			),
		);
}

/* --- the ClientHellos --- */

const SEVERITIES = ['error', 'warning', 'note'];

function findingRow(one) {
	return el(
		'tr',
		{},
		el('td', {}, el('span', {class: `weight w-${one.severity}`}, one.severity)),
		el('th', {scope: 'row'}, one.text),
		el(
			'td',
			{},
			Object.entries(one.boards)
				.map(([name, n]) => `${name} (${n})`)
				.join(', '),
		),
		el('td', {}, one.rfc),
	);
}

function makeHellos() {
	const findings = [...run.lint].sort(
		(a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
	);
	if (findings.length === 0) {
		byId('hellos').remove();
		return;
	}
	byId('hellos').append(
		el('h2', {id: 'hellos-title'}, 'The ClientHellos'),
		el(
			'p',
			{class: 'lead'},
			'What is to be said of each board\u2019s offer, whatever the outcome.',
		),
		scrolled(
			'Findings',
			table('lint', ['Weight', 'Finding', 'Boards', 'Read'], findings.map(findingRow)),
		),
	);
}

function makeFoot() {
	byId('foot').append(
		el(
			'p',
			{},
			`Run ${run.run.id} \u00b7 `,
			Object.entries(run.run.versions)
				.map(([name, version]) => `${name} ${version}`)
				.join(' \u00b7 '),
		),
		el(
			'p',
			{},
			'Beside this file: ',
			el('a', {href: 'results.json'}, 'results.json'),
			' (all that was seen), ',
			el('a', {href: 'summary.md'}, 'summary.md'),
			', ',
			el('a', {href: 'junit.xml'}, 'junit.xml'),
			', and each cell\u2019s packets under cells/.',
		),
	);
}
