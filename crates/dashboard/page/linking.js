// Linking a session to a phone: by its camera, by a code that is typed into it, or with the account's passkey.
import { path, post, request } from './api.js';
import { Passkey } from './passkey.js';
import { Button, Copy, Field, html, Problem, useAction, useEffect, useState, useTick } from './ui.js';
import { t } from './words.js';

/** How often is asked when the gateway does not say how long a code is good. */
const ASK_MS = 4_000;
const RING = 2 * Math.PI * 15;

export function Linking({ session }) {
  const narrow = matchMedia('(max-width: 40rem)').matches;
  const [byCode, setByCode] = useState(narrow);
  if (session.status !== 'SCAN_QR_CODE') return html`<${Passkey} session=${session} />`;
  return html`<div class="linking">
    ${session.reason ? html`<p class="note">${session.reason}</p>` : null}
    <div class="switch" role="group" aria-label=${t('How to link')}>
      <${Button} kind=${byCode ? 'second' : ''} aria-pressed=${!byCode} onClick=${() => setByCode(false)}>${t('Scan a QR code')}<//>
      <${Button} kind=${byCode ? '' : 'second'} aria-pressed=${byCode} onClick=${() => setByCode(true)}>${t('Type a code on the phone')}<//>
    </div>
    ${byCode ? html`<${ByCode} name=${session.name} />` : html`<${ByScan} session=${session} />`}
  </div>`;
}

function ByScan({ session }) {
  const qr = useQr(session);
  return html`<div class="scan">
    <div class="qr-box">
      ${qr.image ? html`<img class="qr" src=${qr.image} alt=${t('QR code that links {name} to a phone', { name: session.name })} width="300" height="300" />`
        : html`<div class="qr waiting" role="status">${qr.error ? qr.error.message : t('The QR code is on its way …')}</div>`}
      ${qr.image && qr.valid ? html`<${Ring} since=${qr.since} valid=${qr.valid} />` : null}
    </div>
    <div>
      <h3>${t('On your phone')}</h3>
      <ol>
        <li>${t('Open WhatsApp.')}</li>
        <li>${t('Android: the three dots. iPhone: Settings. Then “Linked devices”.')}</li>
        <li>${t('“Link a device”, and point the camera here.')}</li>
      </ol>
      <p class="soft">${t('This page goes on by itself when the phone has linked it.')}</p>
    </div>
  </div>`;
}

/** How long the code can still be scanned. */
function Ring({ since, valid }) {
  useTick(500);
  const left = Math.max(0, valid - (Date.now() - since));
  const seconds = Math.ceil(left / 1000);
  return html`<p class="ring">
    <svg viewBox="0 0 36 36" width="28" height="28" aria-hidden="true">
      <circle class="track" cx="18" cy="18" r="15" />
      <circle class="left" cx="18" cy="18" r="15" stroke-dasharray=${RING} stroke-dashoffset=${RING * (1 - left / valid)} transform="rotate(-90 18 18)" />
    </svg>
    <span>${t('valid for {n} s, then a new one comes', { n: seconds })}</span>
  </p>`;
}

function useQr(session) {
  const [qr, setQr] = useState({ image: '', error: null, since: 0, valid: 0 });
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      let wait = ASK_MS;
      try {
        const next = await read(session.name, abort.signal);
        setQr(next);
        if (next.valid) wait = Math.min(Math.max(next.valid, 1000), 60_000);
      } catch (error) {
        if (abort.signal.aborted) return;
        // Between two codes there is none for a moment.
        setQr((old) => ({ ...old, image: error.status === 422 ? '' : old.image, error: error.status === 422 ? null : error }));
        wait = 1500;
      }
      timer = setTimeout(ask, wait);
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [session.name, session.statuses?.at(-1)?.timestamp]);
  return qr;
}

async function read(name, signal) {
  const response = await request('GET', path`api/${name}/auth/qr?format=image`, { signal });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw Object.assign(new Error(answer?.message ?? t('The gateway answered {status}.', { status: response.status })), { status: response.status });
  const valid = Number(response.headers.get('x-qr-valid-ms') ?? 0);
  return { image: `data:${answer.mimetype};base64,${answer.data}`, error: null, since: Date.now(), valid };
}

function ByCode({ name }) {
  const [phone, setPhone] = useState('');
  const [code, setCode] = useState('');
  const { run, busy, error } = useAction();
  const ask = (event) => {
    event.preventDefault();
    setCode('');
    run(async () => setCode((await post(path`api/${name}/auth/request-code`, { phoneNumber: phone })).code));
  };
  return html`<div class="by-code">
    <form onSubmit=${ask}>
      <${Field} label=${t('Phone number of the WhatsApp account')} hint=${t('With the country code, for example 628111222333.')}>
        ${(id, hint) => html`<div class="together"><input id=${id} aria-describedby=${hint} inputmode="tel" autocomplete="tel" required value=${phone} onInput=${(event) => setPhone(event.target.value)} />
          <button type="submit" disabled=${busy} aria-busy=${busy}>${t('Get a code')}</button></div>`}
      <//>
      <${Problem} error=${explained(error)} />
    </form>
    ${code ? html`<div role="status"><p class="big-code"><output>${spaced(code)}</output> <${Copy} text=${code.replace('-', '')} /></p>
      <h3>${t('Where to type it')}</h3>
      <ol>
        <li>${t('WhatsApp shows a message on the phone “Enter code to link new device”: open it. If none comes, go on with 2.')}</li>
        <li>${t('“Linked devices”, “Link a device”, then at the bottom “Link with phone number instead”.')}</li>
        <li>${t('Type the code. It is good for a few minutes; a new one replaces it.')}</li>
      </ol></div>` : null}
  </div>`;
}

/** Eight characters are read in two halves. */
const spaced = (code) => (/^[A-Z0-9]{8}$/i.test(code) ? `${code.slice(0, 4)}-${code.slice(4)}` : code);

function explained(error) {
  if (error && /404|item-not-found/.test(error.message)) {
    return { message: t('WhatsApp knows no account with this number. Check the country code.'), hint: error.message };
  }
  return error;
}
