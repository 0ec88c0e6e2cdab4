// A session's settings, and what ends it.
import { path, post, put as change, remove } from './api.js';
import { Commands } from './overview.js';
import { go } from './route.js';
import { drop, put } from './sessions.js';
import { Button, Check, Confirm, Field, html, Problem, useAction, useState } from './ui.js';
import { t, w } from './words.js';

const LEFT_OUT = { groups: w('Groups'), channels: w('Channels'), broadcast: w('Broadcast lists'), status: w('Status updates') };

/** What the phone does when a session is logged out: it is told only over a connection. */
const FORGOTTEN = w('The phone forgets this device. Linking again needs a new scan.');
const LISTED = w('The session has no connection now, so the phone may go on listing this device until it is removed there. Linking again needs a new scan.');

export function Settings({ session }) {
  const [asked, setAsked] = useState('');
  const name = session.name;
  const logout = async () => put(await post(path`api/sessions/${name}/logout`));
  const erase = async () => {
    await remove(path`api/sessions/${name}`);
    drop(name);
    go();
  };
  return html`
    <section class="card" aria-labelledby="run-title"><h2 id="run-title">${t('Start and stop')}</h2>
      <p class="soft">${t('Stopping keeps the login. Nothing is received until it is started again; WhatsApp keeps messages meanwhile.')}</p>
      <${Commands} session=${session} /></section>
    <${Config} session=${session} />
    <section class="card danger-zone" aria-labelledby="end-title"><h2 id="end-title">${t('End')}</h2>
      <div class="actions">
        ${session.me ? html`<${Button} kind="danger" onClick=${() => setAsked('logout')}>${t('Log out')}<//>` : null}
        <${Button} kind="danger" onClick=${() => setAsked('delete')}>${t('Delete')}<//>
      </div></section>
    ${asked === 'logout' ? html`<${Confirm} title=${t('Log out {name}?', { name })} text=${t(session.status === 'WORKING' ? FORGOTTEN : LISTED)} action=${t('Log out')} onYes=${logout} onClose=${() => setAsked('')} />` : null}
    ${asked === 'delete' ? html`<${Confirm} title=${t('Delete {name}?', { name })} text=${t('The session goes, with its login, its messages and the keys that are good for it alone.')} action=${t('Delete')} onYes=${erase} onClose=${() => setAsked('')} />` : null}`;
}

function Config({ session }) {
  const { config = {} } = session;
  const [ignore, setIgnore] = useState(config.ignore ?? {});
  const [proxy, setProxy] = useState(config.proxy ?? { server: '', username: '', password: '' });
  const [client, setClient] = useState(config.client ?? {});
  const [metadata, setMetadata] = useState(Object.entries(config.metadata ?? {}).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join('\n'));
  const [saved, setSaved] = useState(false);
  const { run, busy, error } = useAction();
  const save = (event) => {
    event.preventDefault();
    setSaved(false);
    run(async () => {
      const next = { ...config, ignore, metadata: labels(metadata, config.metadata ?? {}) };
      next.client = client.deviceName || client.browserName ? { deviceName: client.deviceName || null, browserName: client.browserName || null } : null;
      next.proxy = proxy.server ? { server: proxy.server, ...(proxy.username ? { username: proxy.username, password: proxy.password } : {}) } : null;
      put(await change(path`api/sessions/${session.name}`, { config: next }));
      setSaved(true);
    });
  };
  const typed = (field) => (event) => setProxy({ ...proxy, [field]: event.target.value });
  return html`<form class="card" onSubmit=${save} aria-labelledby="config-title"><h2 id="config-title">${t('Settings')}</h2>
    <fieldset><legend>${t('Leave out: neither stored nor reported')}</legend>
      ${Object.entries(LEFT_OUT).map(([key, text]) => html`<${Check} key=${key} label=${t(text)} checked=${ignore[key] ?? false} onChange=${(event) => setIgnore({ ...ignore, [key]: event.target.checked })} />`)}</fieldset>
    <fieldset><legend>${t('Proxy to WhatsApp')}</legend>
      <${Field} label=${t('Server')} hint=${t('host:port, or with http://, https:// or socks5:// before it; empty for none')}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} value=${proxy.server ?? ''} onInput=${typed('server')} />`}<//>
      <${Field} label=${t('User')}>${(id) => html`<input id=${id} autocomplete="off" value=${proxy.username ?? ''} onInput=${typed('username')} />`}<//>
      <${Field} label=${t('Password')}>${(id) => html`<input id=${id} type="password" autocomplete="new-password" value=${proxy.password ?? ''} onInput=${typed('password')} />`}<//></fieldset>
    <${Field} label=${t('System that the phone shows')} hint=${t('In its list of linked devices, from the next link on.')}>${(id, hint) => html`<input id=${id} aria-describedby=${hint} value=${client.deviceName ?? ''} onInput=${(event) => setClient({ ...client, deviceName: event.target.value })} />`}<//>
    <${Field} label=${t('Browser that the phone shows')}>${(id) => html`<input id=${id} value=${client.browserName ?? ''} onInput=${(event) => setClient({ ...client, browserName: event.target.value })} />`}<//>
    <${Field} label=${t('Labels of yours')} hint=${t('One a line, as name=value; they stand in every event.')}>${(id, hint) => html`<textarea id=${id} aria-describedby=${hint} rows="3" value=${metadata} onInput=${(event) => setMetadata(event.target.value)}></textarea>`}<//>
    <${Problem} error=${error} />
    <div class="actions"><button type="submit" disabled=${busy} aria-busy=${busy}>${t('Save')}</button><span role="status">${saved ? t('Saved.') : ''}</span></div>
  </form>`;
}

/** Lines to labels; one that was not touched keeps a value that is no text. */
function labels(text, old) {
  const pairs = text.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf('=');
    if (at < 1) throw new Error(t('A label needs a name and a value: name=value'));
    const [name, value] = [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    return [name, typeof old[name] !== 'string' && JSON.stringify(old[name]) === value ? old[name] : value];
  });
  return Object.fromEntries(pairs);
}
