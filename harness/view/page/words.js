'use strict';

/* The page's parts are made by el() alone: text is text, whatever a board or a peer wrote. */

const SVG = 'http://www.w3.org/2000/svg';

/* Controls, marks that turn text around, and invisible ones, which could forge what is read. */
const UNSEEN =
	/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

function clean(text) {
	return String(text).replace(
		UNSEEN,
		(c) => `<${c.charCodeAt(0).toString(16).padStart(2, '0')}>`,
	);
}

function fill(node, attributes, children) {
	for (const [key, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
		else node.setAttribute(key, value === true ? '' : value);
	}
	for (const child of children.flat(Infinity))
		if (child !== null && child !== undefined && child !== '')
			node.append(child instanceof Node ? child : clean(child));
	return node;
}

/* An element with its attributes ("onclick": a listener) and children: nodes, text, lists. */
function el(name, attributes, ...children) {
	return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
	return fill(document.createElementNS(SVG, name), attributes, children);
}

function byId(id) {
	return document.getElementById(id);
}

function count(n, one, many) {
	return `${n.toLocaleString('en')} ${n === 1 ? one : many || one + 's'}`;
}

/* Of an alert or a message: the client is the board. */
function sender(of) {
	return of.from === 'client' ? 'board' : 'server';
}

/* "a, b and c" */
function listed(words) {
	return words.length < 2
		? words.join('')
		: `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/* A value of a suite as people write it: "1.2, 1.3", "no groups" for null. */
function worded(value) {
	if (value === null) return 'none';
	if (Array.isArray(value)) return value.map(worded).join(', ');
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/* {"certificate": ["ecdsa-p256"], "groups": null} as "certificate ecdsa-p256, no groups". */
function changeWords(change) {
	return Object.entries(change)
		.map(([key, value]) => (value === null ? `no ${key}` : `${key} ${worded(value)}`))
		.join(', ');
}

/* Times to three digits, with their unit. */
function duration(ms) {
	if (ms < 0) return `\u2212${duration(-ms)}`;
	if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`;
	if (ms >= 1 || ms === 0) return `${Number(ms.toPrecision(3))} ms`;
	return `${Number((ms * 1000).toPrecision(2))} \u00b5s`;
}

/* A link where the text is one; rules of the user's own may hold anything. */
function reference(text) {
	return /^https?:\/\//.test(text)
		? el('a', {href: text, rel: 'noopener noreferrer'}, text.replace(/^https?:\/\//, ''))
		: text;
}

function items(tag, list, make) {
	return list && list.length > 0
		? el(
				tag,
				{},
				list.map((one) => el('li', {}, make(one))),
			)
		: null;
}

/* What may be wider than the page, and is moved by itself. */
function scrolled(label, ...content) {
	return el('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label}, content);
}

/* A table with a head of one row. */
function table(name, columns, lines) {
	return el(
		'table',
		{class: name},
		el(
			'thead',
			{},
			el(
				'tr',
				{},
				columns.map((text) => el('th', {scope: 'col'}, text)),
			),
		),
		el('tbody', {}, lines),
	);
}

/* A heading and what it is about; nothing where there is nothing. */
function part(title, ...content) {
	const rest = content
		.flat(Infinity)
		.filter((one) => one !== null && one !== undefined && one !== '');
	return rest.length > 0 ? el('section', {class: 'part'}, el('h3', {}, title), rest) : null;
}
