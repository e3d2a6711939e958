/* One cell: the verdict, what the witnesses saw, what was tried, and how to see it again. */

let opener = null; /* where the focus goes back to */

/* --- the witnesses --- */

/* "TLS 1.3" and "1.3" are one. */
function bareVersion(text) {
	return text ? String(text).replace(/^TLS ?v?/i, '') : null;
}

function alertsOf(list) {
	const fatal = (list || []).filter((alert) => alert.number !== 0);
	return fatal.map((alert) => `${sender(alert)}: ${alertWords(alert)}`).join('; ');
}

const TESTIMONY = [
	['TLS version', (b) => b.version, (w) => bareVersion(w.version), (s) => s.version, true],
	['Cipher suite', (b) => b.ciphersuite, (w) => w.cipher_suite, (s) => s.ciphersuite, true],
	['Group', (b) => b.group, (w) => w.group, (s) => s.group],
	[
		'Server\u2019s signature',
		() => null,
		(w) => w.signature_algorithm,
		(s) => s.signature_algorithm,
	],
	[
		'Alert',
		(b) => (b.alert ? `${sender(b.alert)}: ${b.alert.number}` : null),
		(w) => alertsOf(w.alerts),
		(s) => alertsOf(s.alerts),
	],
	[
		'Handshake',
		(b) =>
			b.phase === 'app' || b.phase === 'close'
				? 'complete'
				: b.phase === 'hs'
					? 'not complete'
					: null,
		() => null,
		(s) => (s.handshake ? 'complete' : s.connected ? 'not complete' : null),
	],
	[
		'Ended by',
		() => null,
		(w) => (w.close && w.close.first === 'client' ? 'board' : w.close && w.close.first),
		(s) => (s.closed_by === 'client' ? 'board' : s.closed_by),
	],
	[
		'Status',
		(b) => boardStatus(b) || null,
		() => null,
		(s) => (s.errors || []).map((error) => error.reason).join('; ') || null,
	],
];

function testimony(details) {
	const {board, wire, server} = details.witnesses;
	return TESTIMONY.map(([name, ofBoard, ofWire, ofServer, compared]) => {
		const said = [
			board && ofBoard(board),
			wire && ofWire(wire),
			server && ofServer(server),
		].map((one) => one || null);
		const spoken = new Set(said.filter((one) => one !== null).map((one) => one.toLowerCase()));
		return {name, said, differ: compared && established(details) && spoken.size > 1};
	}).filter((line) => line.said.some((one) => one !== null));
}

/* Until the handshake is over, each side may have its own idea of it. */
function established(details) {
	return Boolean(details.witnesses.server && details.witnesses.server.handshake);
}

function differences(details) {
	return testimony(details)
		.filter((line) => line.differ)
		.map(
			(line) =>
				`The witnesses disagree on the ${line.name.toLowerCase()}: ` +
				listed(
					['the board', 'the wire', 'the server']
						.map((who, i) => (line.said[i] ? `${who} says ${line.said[i]}` : null))
						.filter((one) => one !== null),
				) +
				'.',
		);
}

function witnessesPart(details) {
	if (!details.witnesses) return null;
	return part(
		'The three witnesses',
		evidenceList(details.statements),
		scrolled(
			'The three witnesses',
			table(
				'witnesses',
				['What', 'Board', 'Wire', 'Server'],
				testimony(details).map((line) =>
					el(
						'tr',
						{class: line.differ ? 'differ' : null},
						el('th', {scope: 'row'}, line.name, line.differ ? ' \u2260' : ''),
						line.said.map((one) => el('td', {}, one === null ? '\u2013' : one)),
					),
				),
			),
		),
	);
}

/* --- why, and what was tried --- */

function resultWords(result) {
	return [
		el(
			'span',
			{class: `word s-${result.outcome}`},
			glyphs[result.outcome] || '',
			' ',
			result.outcome,
		),
		result.detail ? ` ${result.detail}` : '',
	];
}

function cameOut(result) {
	const words = {pass: 'passes', xpass: 'passes', fail: 'still fails', xfail: 'still fails'};
	if (result.otherwise) return 'It fails in another way with ';
	return `It ${words[result.outcome] || `is ${result.outcome}`} with `;
}

function proofLine(result) {
	const cell = cellsById.get(result.cell);
	return [
		cameOut(result),
		el('strong', {}, changeWords(result.change)),
		cell ? [' (', cellLink(cell, result.cell), ')'] : '',
	];
}

function diagnosisBody(diagnosis, stack) {
	const fix = diagnosis.fix || {};
	const proofs = [...(diagnosis.also_tried || []), diagnosis.counterfactual].filter(Boolean);
	return el(
		'div',
		{class: 'diagnosis'},
		el(
			'h4',
			{},
			diagnosis.title,
			' ',
			el(
				'span',
				{class: 'confidence'},
				diagnosis.confidence === 'none' ? 'not explained by a rule' : diagnosis.confidence,
			),
		),
		el('p', {}, diagnosis.cause),
		el(
			'dl',
			{class: 'facts'},
			fact('What helps', remedy(fix.board ? [`${stack}: ${fix.board}`] : [], fix.server)),
			fact('Proof', items('ul', proofs, proofLine)),
			fact('Seen', evidenceList(diagnosis.evidence)),
			fact('Read', reading(diagnosis)),
		),
	);
}

function whyPart(cell, details) {
	return part(
		'Why',
		details.known
			? el(
					'p',
					{},
					el('strong', {}, 'Known: '),
					details.known.reason,
					' ',
					reference(details.known.link),
				)
			: null,
		(details.diagnosis || []).map((one) => diagnosisBody(one, boards[cell.board].stack)),
	);
}

function twinLines(twin) {
	return [
		['before', 'The same server without the flaw, before'],
		['after', 'The same, after'],
	]
		.filter(([when]) => twin && twin[when])
		.map(([when, words]) => el('li', {}, `${words}: `, resultWords(twin[when])));
}

function triesPart(details) {
	const found = details.counterfactual;
	return part(
		'Control and experiments',
		el(
			'ul',
			{},
			(details.attempts || []).length > 0
				? el(
						'li',
						{},
						`${count(details.attempts.length, 'attempt')}: `,
						details.attempts.map((one, i) => [
							i > 0 ? ', ' : '',
							resultWords({outcome: one.outcome}),
							` ${one.reason || ''}`,
						]),
					)
				: null,
			details.control
				? el(
						'li',
						{},
						'Control, an OpenSSL client on the host: ',
						resultWords(details.control),
					)
				: null,
			found ? el('li', {}, 'Counterfactual: ', proofLine(found)) : null,
			twinLines(details.twin),
			(details.tries || []).map((one) =>
				el(
					'li',
					{},
					'Tried with ',
					el('strong', {}, changeWords(one.change)),
					': ',
					resultWords(one),
				),
			),
		),
	);
}

/* --- how to see it again --- */

function word(text) {
	return /^[A-Za-z0-9_.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function again(cell) {
	const files = run.run.files || {suites: {}, boards: {}, lab: false},
		suite = run.suites[cell.row.suite],
		board = boards[cell.board].name;
	const command = [
		'shakedown',
		'run',
		files.suites[suite] || suite,
		'--board',
		files.boards[board] || board,
		'--case',
		cell.row.name,
		...(files.lab ? ['--daemon'] : []),
	]
		.map(word)
		.join(' ');
	return [
		el('p', {}, 'Runs this cell again:'),
		el('pre', {tabindex: '0'}, command),
	];
}

function fileLink(path) {
	return el(
		'a',
		{href: path.split('/').map(encodeURIComponent).join('/'), download: path.split('/').at(-1)},
		path,
	);
}

function filesPart(cell, details) {
	const evidence = details.evidence || {};
	return part(
		'See it again',
		again(cell),
		el(
			'ul',
			{},
			el(
				'li',
				{},
				evidence.capture
					? [
							'Packets, with their secrets inside (Wireshark opens them decrypted): ',
							fileLink(evidence.capture),
						]
					: 'No packets were kept of this cell.',
			),
			evidence.keylog ? el('li', {}, 'Key log: ', fileLink(evidence.keylog)) : null,
		),
	);
}

function certificateLine(certificate) {
	return [
		certificate.subject || '(no subject)',
		el(
			'span',
			{class: 'sub'},
			` by ${certificate.issuer}; ${certificate.key}, ${certificate.signature}; `,
			`${certificate.not_before} to ${certificate.not_after}`,
		),
	];
}

function serverPart(details) {
	const chains = (((details.witnesses || {}).wire || {}).certificates || []).filter(
		(one) => one.chain,
	);
	return part(
		'The case',
		el('p', {}, details.why),
		el(
			'dl',
			{class: 'facts'},
			fact(
				'Server',
				el(
					'ul',
					{class: 'names'},
					Object.entries(details.server).map(([key, value]) =>
						el('li', {}, `${key} `, el('strong', {}, worded(value))),
					),
				),
			),
			Object.keys(details.client || {}).length > 0
				? fact(
						'Client',
						el(
							'ul',
							{class: 'names'},
							Object.entries(details.client).map(([key, value]) =>
								el('li', {}, `${key} `, el('strong', {}, worded(value))),
							),
						),
					)
				: [],
			fact(
				'Expected',
				(Array.isArray(details.expect) ? details.expect : [details.expect])
					.map(changeWords)
					.join('; or '),
			),
			chains.map((chain) =>
				fact(`Chain of the ${sender(chain)}`, items('ol', chain.chain, certificateLine)),
			),
		),
	);
}

function logPart(details) {
	const board = (details.witnesses || {}).board || {};
	return part(
		'Board log',
		board.log
			? el('pre', {class: 'log', tabindex: '0'}, board.log)
			: el('p', {class: 'empty'}, 'The board said nothing beside its answers.'),
		(details.trouble || []).map((one) =>
			el('p', {class: 'notice'}, `Trouble of the harness, ${one.who}: ${one.text}`),
		),
	);
}

function rawPart(details) {
	const raw = el(
		'details',
		{},
		el('summary', {}, 'All of it, as JSON (long byte strings are cut)'),
	);
	raw.addEventListener('toggle', () => {
		if (raw.open && raw.children.length === 1)
			raw.append(el('pre', {class: 'log', tabindex: '0'}, JSON.stringify(details, null, 1)));
	});
	return el('section', {class: 'part'}, raw);
}

/* --- the dialog --- */

function cellHead(cell) {
	const state = isUnsafe(cell) ? 's-unsafe' : `s-${cell.square.outcome}`;
	return el(
		'div',
		{class: 'cell-head'},
		el(
			'div',
			{},
			el(
				'p',
				{class: 'kicker'},
				`${run.suites[cell.row.suite]} / ${cell.row.scenario}`,
				' on ',
				el('strong', {}, boards[cell.board].name),
			),
			el('h2', {id: 'cell-title', tabindex: '-1'}, cell.row.name),
		),
		el(
			'button',
			{
				type: 'button',
				class: 'close',
				onclick: () => byId('cell').close(),
				'aria-label': 'Close',
			},
			'\u2715',
		),
		el(
			'p',
			{class: 'verdict'},
			el(
				'span',
				{class: `badge ${state}`},
				glyphs[cell.square.outcome],
				' ',
				cell.square.words,
				cell.flaky && !cell.square.words.includes('flaky') ? ' flaky' : '',
			),
			' ',
			el('span', {id: 'cell-verdict'}, cell.square.meaning || ''),
		),
	);
}

function cellBody(cell, details) {
	return [
		whyPart(cell, details),
		ladderPart(details),
		witnessesPart(details),
		setsPart(details),
		helloPart(details),
		triesPart(details),
		logPart(details),
		serverPart(details),
		filesPart(cell, details),
		rawPart(details),
	];
}

async function showCell(cell) {
	const dialog = byId('cell'),
		body = el('div', {class: 'cell-body', 'aria-busy': 'true', 'data-of': cell.id});
	dialog.replaceChildren(cellHead(cell), body);
	if (!dialog.open) dialog.showModal();
	byId('cell-title').focus();
	try {
		const details = await detailsOf(cell);
		if (chosen.cell !== cell.id) return;
		byId('cell-verdict').textContent = clean(details.detail);
		body.append(...cellBody(cell, details).filter((one) => one !== null));
	} catch (error) {
		body.append(el('p', {class: 'notice'}, error.message));
	}
	body.removeAttribute('aria-busy');
}

function followCell(before) {
	const dialog = byId('cell'),
		cell = cellsById.get(chosen.cell);
	if (chosen.cell === before.cell) return;
	if (cell) {
		opener = dialog.open ? opener : document.activeElement;
		showCell(cell);
	} else if (dialog.open) {
		dialog.close();
	}
}

function makeCell() {
	const dialog = byId('cell');
	watchers.push(followCell);
	dialog.addEventListener('close', () => {
		if (chosen.cell) choose({cell: ''}, true);
		dialog.replaceChildren();
		const link =
			opener && opener.isConnected && opener !== document.body
				? opener
				: matrix.table.querySelector('a[tabindex="0"]');
		link?.focus({preventScroll: true});
	});
	dialog.addEventListener('click', (event) => {
		if (event.target === dialog) /* beside it */ dialog.close();
	});
}
