// Keys of the API: what each is good for, made and revoked here. For administrators.
import { get, path, post, remove } from './api.js';
import { stamp } from './figures.js';
import { state } from './sessions.js';
import { Badge, Button, Check, Code, Confirm, Empty, Field, html, Problem, useAction, useLoad, useState, useValue } from './ui.js';
import { t, w } from './words.js';

const ACTIONS = {
  read: w('Read chats, messages, events'),
  send: w('Send messages'),
  control: w('Start, stop, link and log out'),
  setting: w('Change settings'),
  media: w('Read files of messages'),
  delete: w('Delete sessions, chats and messages'),
};

export function Keys() {
  const { data, error, reload } = useLoad((signal) => get('api/keys', signal), []);
  const [made, setMade] = useState(null);
  return html`<h1>${t('API keys')}</h1>
    ${made ? html`<section class="card" role="status"><h2>${t('The new key')}</h2><p>${t('It is shown this once. Keep it where secrets are kept.')}</p><${Code} text=${made} label=${t('The new key')} />
      <div class="actions"><${Button} kind="second" onClick=${() => setMade(null)}>${t('I have it')}<//></div></section>` : null}
    <section class="card" aria-labelledby="keys-title"><h2 id="keys-title">${t('Keys')}</h2>
      <${Problem} error=${error} />
      <p class="soft">${t('The administrator’s key, which is a setting, is not among them.')}</p>
      ${data && !data.length ? html`<${Empty}>${t('There is none yet.')}<//>` : null}
      <ul class="plain-list">${(data ?? []).map((key) => html`<${Key} key=${key.id} of=${key} onGone=${reload} />`)}</ul></section>
    <${NewKey} onMade=${(key) => { setMade(key); reload(); }} />`;
}

function Key({ of, onGone }) {
  const [asked, setAsked] = useState(false);
  const good = of.isAdmin ? t('everything') : of.actions ? Object.keys(ACTIONS).filter((name) => of.actions[name]).map((name) => t(ACTIONS[name])).join(', ') : t('everything about sessions');
  return html`<li class="hook"><div class="grow"><p><span class="mono">${of.key}</span> ${of.isActive ? null : html`<${Badge} kind="off">${t('off')}<//>`}</p>
      <p class="soft">${[of.session ? t('session {name}', { name: of.session }) : t('all sessions'), good, of.rateLimit ? t('{n} requests a minute', { n: of.rateLimit }) : '', t('made {moment}', { moment: stamp(of.createdAt) })].filter(Boolean).join(' · ')}</p></div>
    <${Button} kind="danger" onClick=${() => setAsked(true)}>${t('Revoke')}<//>
    ${asked ? html`<${Confirm} title=${t('Revoke this key?')} text=${t('Whoever uses it is turned away at once. It cannot be brought back.')} action=${t('Revoke')} onYes=${async () => { await remove(path`api/keys/${of.id}`); onGone(); }} onClose=${() => setAsked(false)} />` : null}</li>`;
}

function NewKey({ onMade }) {
  const { sessions } = useValue(state);
  const [session, setSession] = useState('');
  const [admin, setAdmin] = useState(false);
  const [actions, setActions] = useState({ read: true, send: true });
  const [rate, setRate] = useState('');
  const { run, busy, error } = useAction();
  const make = (event) => {
    event.preventDefault();
    run(async () => {
      if (!admin && !Object.values(actions).some(Boolean)) throw new Error(t('Choose what the key is good for.'));
      const wanted = admin ? { isAdmin: true } : { session: session || null, actions };
      if (rate) wanted.rateLimit = Number(rate);
      onMade((await post('api/keys', wanted)).key);
    });
  };
  return html`<form class="card" onSubmit=${make} aria-labelledby="new-key-title"><h2 id="new-key-title">${t('A new key')}</h2>
    <${Check} label=${t('For an administrator: everything, also keys')} checked=${admin} onChange=${(event) => setAdmin(event.target.checked)} />
    ${admin ? null : html`<${Field} label=${t('Session')}>${(id) => html`<input id=${id} list="session-names" placeholder=${t('all sessions')} value=${session} onInput=${(event) => setSession(event.target.value.trim())} />`}<//>
      <datalist id="session-names">${[...(sessions?.keys() ?? [])].slice(0, 1000).map((name) => html`<option value=${name}></option>`)}</datalist>
      <fieldset><legend>${t('Good for')}</legend>${Object.entries(ACTIONS).map(([name, text]) => html`<${Check} key=${name} label=${t(text)} checked=${actions[name] ?? false} onChange=${(event) => setActions({ ...actions, [name]: event.target.checked })} />`)}</fieldset>`}
    <${Field} label=${t('Requests a minute')} hint=${t('Empty: as many as it likes.')}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="number" min="1" max="1000000" value=${rate} onInput=${(event) => setRate(event.target.value)} />`}<//>
    <${Problem} error=${error} />
    <div class="actions"><button type="submit" disabled=${busy} aria-busy=${busy}>${t('Make the key')}</button></div></form>`;
}
