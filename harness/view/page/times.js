/* Where the time of the handshakes went: for each board three strips, with quartiles. */

const STRIPS = [
	['until its ClientHello', 0, 'hello'],
	['the board\u2019s share after that', 1, 'board'],
	['the server\u2019s share', 2, 'server'],
];
const TIME = {left: 250, right: 90, width: 1000, strip: 22, gap: 16, top: 26};

/* Of the strip at that place, in ascending order; a side that sent nothing has no time. */
function ascending(times, at) {
	return times
		.map((one) => one[at])
		.filter((ms) => ms !== null)
		.sort((a, b) => a - b);
}

function quantile(sorted, share) {
	const at = (sorted.length - 1) * share,
		low = Math.floor(at);
	return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

/* A logarithmic scale over whole decades that hold all values. */
function timeScale(values) {
	const positive = values.filter((ms) => ms > 0);
	const low = Math.floor(Math.log10(Math.max(Math.min(...extremes(positive)), 0.01)));
	const high = Math.max(Math.ceil(Math.log10(extremes(positive)[1])), low + 1);
	const span = TIME.width - TIME.left - TIME.right;
	return {
		low,
		high,
		x: (ms) => TIME.left + (span * (Math.log10(Math.max(ms, 10 ** low)) - low)) / (high - low),
	};
}

function extremes(values) {
	return values.reduce(
		([low, high], ms) => [Math.min(low, ms), Math.max(high, ms)],
		[Infinity, 0.1],
	);
}

/* All dots of a strip are one path: thousands cost no more than one. */
function strip(scale, values, y, kind) {
	if (values.length === 0)
		return [
			svg(
				'text',
				{class: 'value', x: TIME.width - TIME.right + 12, y: y + TIME.strip / 2 + 4},
				'\u2013',
			),
		];
	const middle = y + TIME.strip / 2;
	const [low, half, high] = [0.25, 0.5, 0.75].map((share) => quantile(values, share));
	const dots = values
		.map((ms, i) => `M${scale.x(ms).toFixed(1)} ${(middle + ((i * 7) % 9) - 4).toFixed(1)}h0`)
		.join('');
	return [
		svg('rect', {
			class: `box ${kind}`,
			x: scale.x(low),
			y: y + 2,
			rx: 3,
			width: Math.max(scale.x(high) - scale.x(low), 2),
			height: TIME.strip - 4,
		}),
		svg('path', {class: `dots ${kind}`, d: dots}),
		svg('path', {class: `median ${kind}`, d: `M${scale.x(half)} ${y}v${TIME.strip}`}),
		svg(
			'text',
			{class: 'value', x: TIME.width - TIME.right + 12, y: middle + 4},
			duration(half),
		),
	];
}

function boardStrips(scale, name, times, top) {
	return svg(
		'g',
		{},
		svg('text', {class: 'name', x: 0, y: top + 15}, name),
		STRIPS.flatMap(([label, at, kind], i) => {
			const y = top + 22 + i * TIME.strip;
			return [
				svg('text', {class: 'label', x: 12, y: y + TIME.strip / 2 + 4}, label),
				...strip(scale, ascending(times, at), y, kind),
			];
		}),
	);
}

function ticks(scale, height) {
	const marks = [];
	for (let decade = scale.low; decade <= scale.high; decade++)
		marks.push(
			svg('path', {class: 'grid', d: `M${scale.x(10 ** decade)} ${TIME.top - 6}V${height}`}),
			svg(
				'text',
				{class: 'tick', x: scale.x(10 ** decade), y: 12, 'text-anchor': 'middle'},
				duration(10 ** decade),
			),
		);
	return marks;
}

function timesRow(name, label, sorted) {
	return el(
		'tr',
		{},
		el('th', {scope: 'row'}, name),
		el('td', {}, label),
		[0, 0.5, 1].map((share) =>
			el(
				'td',
				{class: 'right'},
				sorted.length > 0 ? duration(quantile(sorted, share)) : '\u2013',
			),
		),
	);
}

function timesTable(byBoard) {
	const lines = byBoard.flatMap(([name, times]) =>
		STRIPS.map(([label, at]) => timesRow(name, label, ascending(times, at))),
	);
	return el(
		'details',
		{},
		el('summary', {}, 'The same as a table'),
		scrolled(
			'Times as a table',
			table('numbers-table', ['Board', 'Time', 'least', 'median', 'most'], lines),
		),
	);
}

function makeTimes() {
	const byBoard = boards
		.map((board, i) => [
			board.name,
			cells
				.filter((cell) => cell.board === i && cell.times !== null)
				.map((cell) => cell.times),
		])
		.filter(([, times]) => times.length > 0);
	if (byBoard.length === 0) {
		byId('times').remove();
		return;
	}
	const scale = timeScale(byBoard.flatMap(([, times]) => times.flat()));
	const each = 22 + STRIPS.length * TIME.strip + TIME.gap,
		height = TIME.top + each * byBoard.length;
	byId('times').append(
		el('h2', {id: 'times-title'}, 'Where the time went'),
		el(
			'p',
			{class: 'lead'},
			'One dot for each cell, on a logarithmic scale; the box holds the middle half, the ' +
				'line is ' +
				'the median. The time before each message of the handshake is its sender\u2019s.',
		),
		scrolled(
			'Times of the handshakes',
			svg(
				'svg',
				{
					class: 'times',
					viewBox: `0 0 ${TIME.width} ${height}`,
					role: 'img',
					'aria-label':
						'Times of the handshakes by board; the table below has the numbers',
				},
				ticks(scale, height - TIME.gap),
				byBoard.map(([name, times], i) =>
					boardStrips(scale, name, times, TIME.top + i * each),
				),
			),
		),
		timesTable(byBoard),
	);
}
