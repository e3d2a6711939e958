/* The handshake as a ladder: what the three witnesses saw, on one clock. */

const LADDER = {
	width: 1050,
	board: 385,
	server: 695,
	row: 24,
	top: 40,
	rows: 160,
	text: 42,
	label: 48,
};
const PAUSE_MS = 100; /* a wait that is worth a mark */

function cut(text, n) {
	return text.length > n ? `${text.slice(0, n - 1)}\u2026` : text;
}

/* plain, decrypted, opaque: how much of a record could be read. */
function protection(message) {
	if (message.type === 'encrypted') return 'opaque';
	return message.protected ? 'decrypted' : 'plain';
}

function alertWords(alert) {
	if (alert.number === null || alert.number === undefined)
		return 'an alert that could not be read';
	const level = alert.level === 'warning' ? 'warning ' : '';
	return `${level}${alert.description || 'alert'} (${alert.number})`;
}

/* Messages and alerts; an alert's own words stand in a list beside the messages. */
function wireEvents(wire) {
	const alerts = [...(wire.alerts || [])];
	return (wire.messages || []).map((message) => {
		const at =
			message.type === 'alert' || message.content_type === 'alert'
				? alerts.findIndex(
						(alert) => alert.from === message.from && alert.t_ms === message.t_ms,
					)
				: -1;
		const alert = at >= 0 ? alerts.splice(at, 1)[0] : null;
		return {
			t: message.t_ms,
			lane: 'wire',
			from: message.from,
			kind: protection(message),
			alert,
			isAlert: alert !== null && !PARTING.has(alert.number),
			label: alert
				? `alert ${alertWords(alert)}`
				: message.type === 'encrypted'
					? `encrypted ${message.content_type || 'record'}`
					: message.type,
			length: message.length,
			keys: message.protected_with,
		};
	});
}

/* Alerts that end a connection in order: close_notify, user_canceled. */
const PARTING = new Set([0, 90]);

const ENDS = {fin: 'closes (FIN)', rst: 'resets (RST)'};

function tcpEvents(wire) {
	const close = wire.close || {};
	return [
		wire.tcp && wire.tcp.syn
			? {t: 0, lane: 'wire', from: 'client', kind: 'tcp', label: 'TCP connection'}
			: null,
		close.first
			? {
					t: close.t_ms,
					lane: 'wire',
					from: close.first,
					kind: 'tcp',
					ends: true,
					label: `${sender({from: close.first})} ${ENDS[close[close.first]] || 'ends'}`,
				}
			: null,
	].filter((event) => event !== null);
}

/* What a witness's own times lack to count from the first packet; NaN if it is not known. */
function shift(witness, wire) {
	return (witness.start_us - wire.start_us) / 1000;
}

/* The server's own times count from when it began to listen; what it says of no time comes last. */
function serverEvents(server, wire) {
	const times = server.timings_ms || {},
		error = (server.errors || [])[0],
		zero = shift(server, wire);
	const at = (ms) => (Number.isNaN(zero) ? null : zero + ms);
	return [
		server.connected ? {t: at(times.accept), text: 'takes the connection'} : null,
		typeof times.handshake === 'number'
			? {
					t: at(times.accept + times.handshake),
					text: server.handshake
						? 'handshake complete'
						: `handshake fails${error ? `: ${error.reason}` : ''}`,
				}
			: null,
		server.connected && times.total
			? {t: at(times.total), text: `ends: ${server.ended}`}
			: null,
	]
		.filter((event) => event !== null)
		.map((event) => ({...event, lane: 'server'}));
}

/* Lines of the board's log, which begin with their time; both clocks are this computer's. */
function boardEvents(board, wire) {
	const zero = shift(board, wire);
	const lines = Number.isNaN(zero)
		? []
		: (board.log || '')
				.split('\n')
				.map((line) => line.match(/^\[ *(-?[0-9.]+)\] (.*)$/))
				.filter((found) => found !== null)
				.map(([, seconds, text]) => ({t: zero + seconds * 1000, lane: 'board', text}));
	const says = board.failed
		? `${board.failed}: ${board.text || ''}`
		: board.phase
			? `reports ${boardStatus(board)} in phase ${board.phase}`
			: '';
	return says ? [...lines, {t: null, lane: 'board', text: says}] : lines;
}

function boardStatus(board) {
	return [board.status, board.status_name].filter(Boolean).join(' ');
}

/* What each event is ordered by; what has no time of its own comes last. */
function ladderEvents(details) {
	const {server, wire, board} = details.witnesses;
	const events = [
		...tcpEvents(wire).slice(0, 1),
		...(server ? serverEvents(server, wire) : []),
		...wireEvents(wire),
		...(board ? boardEvents(board, wire) : []),
		...tcpEvents(wire).slice(1),
	];
	return events
		.map((event, i) => [event, i])
		.sort(
			([a, i], [b, k]) =>
				(a.t === null ? Infinity : a.t) - (b.t === null ? Infinity : b.t) || i - k || 0,
		)
		.map(([event]) => event);
}

/* Who ended it first, which may have been right to do: {who, event, words}, or null. */
function firstToEnd(details, events) {
	const wire = details.witnesses.wire,
		alert = details.alert;
	const established = details.witnesses.server && details.witnesses.server.handshake;
	if (alert && alert.number !== undefined) {
		const event = events.find(
			(one) => one.alert && one.from === alert.from && one.alert.number === alert.number,
		);
		return {who: alert.from, event, words: `ended it, with ${alertWords(alert)}`};
	}
	if (!established && wire.close && wire.close.first && details.outcome !== 'skip')
		return {
			who: wire.close.first,
			event: events.find((one) => one.ends),
			words: 'left first, without an alert',
		};
	return null;
}

/* --- drawing --- */

function arrow(event, y) {
	const right = event.from === 'client',
		[x1, x2] = right
			? [LADDER.board + 6, LADDER.server - 6]
			: [LADDER.server - 6, LADDER.board + 6];
	const tip = right ? -7 : 7;
	return [
		svg('path', {
			class: `arrow k-${event.kind}${event.isAlert ? ' alert' : ''}`,
			d: `M${x1} ${y}H${x2}`,
		}),
		svg('path', {class: `tip${event.isAlert ? ' alert' : ''}`, d: `M${x2} ${y}l${tip} -4v8z`}),
		svg(
			'text',
			{
				x: (x1 + x2) / 2,
				y: y - 4,
				'text-anchor': 'middle',
				class: `label${event.isAlert ? ' alert' : ''}`,
			},
			cut(arrowWords(event), LADDER.label),
		),
	];
}

function arrowWords(event) {
	if (event.kind === 'tcp') return event.label;
	return `${event.label} \u00b7 ${event.kind}${event.keys ? ` with ${event.keys}` : ''}`;
}

function note(event, y) {
	const x = event.lane === 'board' ? LADDER.board : LADDER.server,
		left = event.lane === 'board';
	return [
		svg('circle', {class: 'dot', cx: x, cy: y, r: 3.5}),
		svg(
			'text',
			{
				class: 'note',
				x: left ? x - 12 : x + 12,
				y: y + 4,
				'text-anchor': left ? 'end' : 'start',
			},
			svg('title', {}, event.text),
			cut(event.text, LADDER.text),
		),
	];
}

function rung(event, i, first, previous) {
	const y = LADDER.top + (i + 0.7) * LADDER.row;
	const wait = event.t !== null && previous !== null && event.t - previous >= PAUSE_MS;
	return svg(
		'g',
		{class: first && first.event === event ? 'first' : null},
		first && first.event === event
			? svg('rect', {
					class: 'mark',
					x: 0,
					rx: 4,
					y: y - LADDER.row * 0.7,
					width: LADDER.width,
					height: LADDER.row,
				})
			: null,
		event.t === null
			? null
			: svg(
					'text',
					{class: wait ? 'time wait' : 'time', x: 62, y: y + 4, 'text-anchor': 'end'},
					duration(event.t),
				),
		event.lane === 'wire' ? arrow(event, y) : note(event, y),
	);
}

function lifelines(height) {
	return [
		[LADDER.board, 'Board'],
		[LADDER.server, 'Server'],
	]
		.flatMap(([x, name]) => [
			svg('path', {class: 'life', d: `M${x} ${LADDER.top - 6}V${height - 6}`}),
			svg('text', {class: 'lane', x, y: 22, 'text-anchor': 'middle'}, name),
		])
		.concat(
			svg(
				'text',
				{
					class: 'lane',
					x: (LADDER.board + LADDER.server) / 2,
					y: 22,
					'text-anchor': 'middle',
				},
				'Wire',
			),
		);
}

function eventSentence(event, first, ending) {
	const who = {client: 'board', server: 'server'};
	const when = event.t === null ? 'at the end' : `at ${duration(event.t)}`;
	const what =
		event.lane === 'wire'
			? `wire: the ${who[event.from]} sends ${arrowWords(event)}` +
				(event.length ? `, ${event.length} bytes` : '')
			: `${event.lane}: ${event.text}`;
	return `${when}, ${what}${first && first.event === event ? ` (${ending})` : ''}`;
}

function ladderPart(details) {
	const witnesses = details.witnesses;
	if (!witnesses || !witnesses.wire)
		return part(
			'Handshake',
			el('p', {class: 'empty'}, 'Nobody saw this connection on the wire.'),
		);
	const all = ladderEvents(details),
		events = all.slice(0, LADDER.rows),
		first = firstToEnd(details, all),
		ending = details.outcome === 'pass' ? 'ended it' : 'first to fail';
	const height = LADDER.top + (events.length + 0.5) * LADDER.row;
	const times = events.map((event) => event.t);
	return part(
		'Handshake',
		first
			? el(
					'p',
					{class: details.outcome === 'pass' ? null : 'first-line'},
					el(
						'strong',
						{},
						`The ${first.who === 'client' ? 'board' : 'server'} ${first.words}.`,
					),
				)
			: null,
		differences(details).map((text) => el('p', {class: 'differ'}, '\u2260 ', text)),
		scrolled(
			'Ladder of the handshake',
			svg(
				'svg',
				{
					class: details.outcome === 'pass' ? 'ladder right' : 'ladder',
					width: LADDER.width,
					height,
					viewBox: `0 0 ${LADDER.width} ${height}`,
					'aria-hidden': 'true',
				},
				lifelines(height),
				events.map((event, i) => rung(event, i, first, i > 0 ? times[i - 1] : null)),
			),
			el(
				'ol',
				{class: 'unseen'},
				events.map((event) => el('li', {}, eventSentence(event, first, ending))),
			),
		),
		all.length > events.length
			? el('p', {}, `${count(all.length - events.length, 'more line')} in the capture.`)
			: null,
		el(
			'p',
			{class: 'key'},
			'plain: as it crossed the wire \u00b7 decrypted: opened with the server\u2019s keys ' +
				'\u00b7 opaque: no key fits. ',
			'Times count from the first packet; the board\u2019s lines have the time at which ' +
				'they came ' +
				'over its UART, to about a millisecond.',
		),
	);
}
