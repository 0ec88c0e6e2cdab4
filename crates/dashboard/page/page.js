// The start page. Everything it shows is set as text or as an attribute, never as markup.
'use strict';

const REFRESH_MS = 2000;
const KEY = 'wakeeper-api-key';
const STATES = {
  STOPPED: ['Stopped', ''],
  STARTING: ['Starting', 'wait'],
  SCAN_QR_CODE: ['Waiting for the scan', 'wait'],
  PASSKEY_REQUIRED: ['Needs a passkey', 'wait'],
  PASSKEY_CONFIRMATION_REQUIRED: ['Confirm the passkey', 'wait'],
  WORKING: ['Working', 'good'],
  FAILED: ['Failed', 'bad'],
};

const element = (id) => document.getElementById(id);
const cards = new Map();
let timer = 0;
let key = sessionStorage.getItem(KEY) ?? '';

class Refused extends Error {
  constructor(status, body) {
    super(body?.hint ? `${body.message} (${body.hint})` : body?.message ?? `The gateway answered ${status}`);
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { accept: 'application/json' };
  if (key) headers['x-api-key'] = key;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store' });
  const text = await response.text();
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* not ours: a proxy's page, perhaps */ }
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

function notice(text) { element('notice').textContent = text; }

function askForKey(text) {
  clearTimeout(timer);
  for (const card of cards.values()) card.node.remove();
  cards.clear();
  element('key-form').hidden = false;
  element('new-form').hidden = true;
  element('forget').hidden = true;
  notice(text);
  element('key').focus();
}

function newCard(name) {
  const node = element('session-template').content.firstElementChild.cloneNode(true);
  const part = (selector) => node.querySelector(selector);
  part('h2').textContent = name;
  for (const button of node.querySelectorAll('[data-action]')) {
    button.addEventListener('click', () => act(name, button));
  }
  part('.code-form').addEventListener('submit', (event) => {
    event.preventDefault();
    requestCode(name, part('.code-form input').value, part('output'));
  });
  element('sessions').append(node);
  const card = { node, part, status: '' };
  cards.set(name, card);
  return card;
}

async function act(name, button) {
  const action = button.dataset.action;
  const question = `Log out ${name}? Linking it again needs a new QR code.`;
  if (action === 'logout' && !window.confirm(question)) return;
  button.disabled = true;
  try {
    await call('POST', `api/sessions/${encodeURIComponent(name)}/${action}`);
    notice('');
  } catch (error) {
    notice(`${name}: ${error.message}`);
  }
  button.disabled = false;
  refresh();
}

async function requestCode(name, phoneNumber, output) {
  output.textContent = '…';
  try {
    output.textContent = (await call('POST', `api/${encodeURIComponent(name)}/auth/request-code`, { phoneNumber })).code;
    notice('');
  } catch (error) {
    output.textContent = '';
    notice(`${name}: ${error.message}`);
  }
}

async function showQr(name, card) {
  const image = card.part('.qr');
  try {
    const file = await call('GET', `api/${encodeURIComponent(name)}/auth/qr?format=image`);
    const source = `data:${file.mimetype};base64,${file.data}`;
    if (image.src !== source) image.src = source;
    card.part('.link').hidden = false;
  } catch (error) {
    // Between two codes there is none for a moment; the next refresh has it.
    if (error.status !== 422) notice(`${name}: ${error.message}`);
  }
}

function show(session) {
  const card = cards.get(session.name) ?? newCard(session.name);
  const [label, kind] = STATES[session.status] ?? [session.status, ''];
  const status = card.part('.status');
  if (status.textContent !== label) status.textContent = label;
  status.className = `status ${kind}`;
  const me = session.me ? [session.me.pushName, session.me.id].filter(Boolean).join(', ') : '';
  card.part('.account').textContent = [me, session.reason].filter(Boolean).join(' · ');
  const scanning = session.status === 'SCAN_QR_CODE';
  if (scanning) showQr(session.name, card);
  else {
    card.part('.link').hidden = true;
    card.part('output').textContent = '';
  }
  const running = session.status !== 'STOPPED';
  card.part('[data-action=start]').hidden = running;
  card.part('[data-action=restart]').hidden = !running;
  card.part('[data-action=stop]').hidden = !running;
  card.part('[data-action=logout]').hidden = !session.me;
}

async function refresh() {
  clearTimeout(timer);
  try {
    const sessions = await call('GET', 'api/sessions?all=true');
    element('key-form').hidden = true;
    element('new-form').hidden = false;
    element('forget').hidden = !key;
    for (const session of sessions) show(session);
    const names = new Set(sessions.map((session) => session.name));
    for (const [name, card] of cards) {
      if (!names.has(name)) {
        card.node.remove();
        cards.delete(name);
      }
    }
    if (element('notice').dataset.lost) {
      delete element('notice').dataset.lost;
      notice('');
    }
  } catch (error) {
    if (error.status === 401) return askForKey(key ? 'That key is not right.' : '');
    element('notice').dataset.lost = 'yes';
    notice(error.status ? error.message : 'The gateway does not answer. Trying again …');
  }
  timer = setTimeout(refresh, REFRESH_MS);
}

element('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = element('key').value.trim();
  element('key').value = '';
  sessionStorage.setItem(KEY, key);
  notice('');
  refresh();
});

element('new-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await call('POST', 'api/sessions', { name: element('new-name').value });
    element('new-name').value = '';
    notice('');
  } catch (error) {
    notice(error.message);
  }
  refresh();
});

element('forget').addEventListener('click', () => {
  key = '';
  sessionStorage.removeItem(KEY);
  askForKey('');
});

refresh();
