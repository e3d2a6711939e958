/* The offer against the server's configuration, and the ClientHello with its bytes. */

const SET_NAMES = {
	versions: 'Versions',
	ciphersuites: 'Cipher suites',
	cipher_list: 'Cipher suites',
	groups: 'Groups',
	signature_algorithms: 'Signature algorithms',
	alpn: 'ALPN',
};
const CHIPS_SHOWN = 12;
const BYTES_IN_LINE = 16;

/* Names, the first of them at once and the rest on demand. */
function names(list, kind) {
	const shown = list.length > CHIPS_SHOWN + 3 ? list.slice(0, CHIPS_SHOWN) : list;
	const make = (name) => el('li', {class: kind}, name);
	return list.length === 0
		? el('span', {class: 'empty'}, 'none')
		: [
				el('ul', {class: 'names'}, shown.map(make)),
				shown.length < list.length
					? el(
							'details',
							{},
							el('summary', {}, `${list.length - shown.length} more`),
							el('ul', {class: 'names'}, list.slice(shown.length).map(make)),
						)
					: null,
			];
}

function setRow(set) {
	const client = set.client,
		has = (list, name) =>
			list.some((one) => typeof one === 'string' && one.toLowerCase() === name.toLowerCase());
	const offered = (client || []).filter((name) => typeof name === 'string');
	const both = set.server.filter((name) => has(offered, name));
	const none = client !== null && both.length === 0;
	return el(
		'tr',
		{class: none ? 'nothing' : null},
		el(
			'th',
			{scope: 'row'},
			SET_NAMES[set.what] || set.what,
			set.what !== 'versions' && set.version
				? el('span', {class: 'sub'}, ` in TLS ${set.version}`)
				: '',
		),
		el(
			'td',
			{},
			none
				? el('strong', {class: 'none-common'}, '\u2205 nothing in common')
				: client === null
					? el('span', {class: 'empty'}, 'the board sends no such list')
					: names(both, 'both'),
		),
		el(
			'td',
			{},
			names(
				set.server.filter((name) => !has(offered, name)),
				'server',
			),
		),
		el(
			'td',
			{},
			names(
				offered.filter((name) => !has(set.server, name)),
				'client',
			),
		),
	);
}

function setsPart(details) {
	const sets = details.sets || [];
	return sets.length === 0
		? null
		: part(
				'The offer against the server',
				scrolled(
					'The offer against the server',
					table(
						'sets',
						['Field', 'Both', 'Server alone', 'Board alone'],
						sets.map(setRow),
					),
				),
				el(
					'p',
					{class: 'key'},
					'Of the server: what it can use in the settled version, with its certificates.',
				),
			);
}

/* --- bytes --- */

function hexLines(bytes) {
	const spans = bytes.map((byte, i) => el('span', {'data-at': i}, byte));
	const lines = [];
	for (let at = 0; at < bytes.length; at += BYTES_IN_LINE)
		lines.push(
			el('span', {class: 'offset'}, at.toString(16).padStart(4, '0')),
			'  ',
			spans
				.slice(at, at + BYTES_IN_LINE)
				.flatMap((span, i) => [i === BYTES_IN_LINE / 2 ? '  ' : i > 0 ? ' ' : null, span]),
			'\n',
		);
	return [
		spans,
		el('pre', {class: 'hex', tabindex: '0', 'aria-label': 'Bytes of the ClientHello'}, lines),
	];
}

/* Fields on one side, bytes on the other; what is looked at on one shows on both. */
function byteView(hello) {
	const bytes = hello.bytes.match(/../g) || [];
	const [spans, dump] = hexLines(bytes);
	const options = hello.fields.map(([offset, length, depth, name, value], i) =>
		el(
			'li',
			{
				role: 'option',
				id: `field-${i}`,
				class: `depth-${depth}`,
				'aria-selected': 'false',
				'data-field': i,
			},
			name ? el('span', {class: 'field'}, name) : null,
			name ? ' ' : '',
			value,
			el('span', {class: 'unseen'}, `, ${count(length, 'byte')} at ${offset}`),
		),
	);
	const list = el(
		'ul',
		{
			class: 'fields',
			role: 'listbox',
			tabindex: '0',
			'aria-label': 'Fields of the ClientHello',
		},
		options,
	);
	let now = -1;

	const select = (i, follow) => {
		if (i < 0 || i >= options.length || i === now) return;
		const mark = (field, on) => {
			const [offset, length] = hello.fields[field];
			options[field].setAttribute('aria-selected', String(on));
			for (const span of spans.slice(offset, offset + length))
				span.classList.toggle('on', on);
		};
		if (now >= 0) mark(now, false);
		mark(i, true);
		now = i;
		list.setAttribute('aria-activedescendant', options[i].id);
		if (follow) options[i].scrollIntoView({block: 'nearest'});
	};
	const fieldAt = (at) =>
		hello.fields.reduce(
			(best, [offset, length, depth], i) =>
				offset <= at && at < offset + length && (best < 0 || depth >= hello.fields[best][2])
					? i
					: best,
			-1,
		);

	list.addEventListener('mouseover', (event) =>
		select(Number(event.target.closest('li')?.dataset.field ?? -1)),
	);
	list.addEventListener('click', (event) =>
		select(Number(event.target.closest('li')?.dataset.field ?? -1)),
	);
	list.addEventListener('focus', () => select(now < 0 ? 0 : now));
	list.addEventListener('keydown', (event) => {
		const to = {ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: options.length - 1}[
			event.key
		];
		if (to === undefined) return;
		event.preventDefault();
		select(to, true);
	});
	dump.addEventListener('mouseover', (event) => {
		if (event.target.dataset.at) select(fieldAt(Number(event.target.dataset.at)), true);
	});
	return el('div', {class: 'bytes'}, list, dump);
}

/* Without the bytes: the decoded members alone. */
function decodedTree(value) {
	if (value === null || typeof value !== 'object') return String(value);
	if (Array.isArray(value) && value.every((one) => one === null || typeof one !== 'object'))
		return value.join(', ') || 'none';
	return el(
		'ul',
		{class: 'tree'},
		Object.entries(value).map(([key, one]) =>
			el(
				'li',
				{},
				Array.isArray(value) ? '' : el('span', {class: 'field'}, key),
				' ',
				decodedTree(one),
			),
		),
	);
}

function helloPart(details) {
	const wire = (details.witnesses || {}).wire,
		hello = wire && wire.client_hello;
	if (!hello) return null;
	return part(
		'ClientHello',
		el(
			'p',
			{class: 'key'},
			hello.ja3 ? ['JA3 ', el('code', {}, hello.ja3), ' \u00b7 '] : '',
			hello.ja4 ? ['JA4 ', el('code', {}, hello.ja4)] : '',
		),
		details.hello
			? byteView(details.hello)
			: [
					el('p', {class: 'empty'}, 'Its bytes are not among the results.'),
					decodedTree(hello),
				],
		(details.lint || []).length === 0
			? null
			: el(
					'details',
					{},
					el(
						'summary',
						{},
						`${count(details.lint.length, 'remark')} on this ClientHello`,
					),
					el(
						'ul',
						{},
						details.lint.map((one) =>
							el(
								'li',
								{},
								el('span', {class: `weight w-${one.severity}`}, one.severity),
								` ${one.text} (${one.rfc})`,
							),
						),
					),
				),
	);
}
