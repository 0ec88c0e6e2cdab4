// Writes a message: with an idempotency key, so that trying again never sends it twice, and shown as the command that does the same.
import { post, randomId } from './api.js';
import { number } from './figures.js';
import { Button, Code, html, Problem, useAction, useId, useMemo, useRef, useState } from './ui.js';
import { t } from './words.js';

const LARGEST = 16 << 20;

export function Composer({ session, chatId, answering, onAnswered, onSent }) {
  const [text, setText] = useState('');
  const [file, setFile] = useState(null);
  const [asCurl, setAsCurl] = useState(false);
  const [sent, setSent] = useState(0);
  // The same as long as the message is: a second try sends nothing twice.
  const attempt = useMemo(() => randomId(), [text, file, answering, sent]);
  const { run, busy, error } = useAction();
  const id = useId();
  const input = useRef(null);
  const send = (event) => {
    event?.preventDefault();
    if (busy || (!text.trim() && !file)) return;
    run(async () => {
      const { address, body } = await sending(session.name, chatId, text, file, answering);
      await post(address, body, { 'idempotency-key': attempt });
      setSent((n) => n + 1);
      setText('');
      setFile(null);
      if (input.current) input.current.value = '';
      onAnswered();
      onSent();
    });
  };
  const typed = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const working = session.status === 'WORKING';
  return html`<form class="composer" onSubmit=${send}>
    ${answering ? html`<p class="answering"><span class="clip grow">${t('Reply to')}: ${answering.body || number(answering.from)}</span><${Button} kind="plain" onClick=${onAnswered}>${t('Cancel')}<//></p>` : null}
    <${Problem} error=${error} />
    ${working ? null : html`<p class="note">${t('The session does not work now, so nothing can be sent.')}</p>`}
    <label class="sr" for=${id}>${t('Message')}</label>
    <div class="together">
      <textarea id=${id} rows="2" placeholder=${t('Message')} value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${typed}></textarea>
      <button type="submit" disabled=${busy || !working} aria-busy=${busy}>${t('Send')}</button>
    </div>
    <div class="composer-foot">
      <label class="sr" for=${`${id}-file`}>${t('A file to send')}</label>
      <input id=${`${id}-file`} ref=${input} type="file" onChange=${(event) => setFile(event.target.files[0] ?? null)} />
      <${Button} kind="plain" aria-expanded=${asCurl} onClick=${() => setAsCurl(!asCurl)}>${t('as curl')}<//>
    </div>
    ${asCurl ? html`<${Code} text=${curl(session.name, chatId, text, answering, attempt)} label=${t('The same as a command')} />` : null}
  </form>`;
}

async function sending(session, chatId, text, file, answering) {
  const common = { session, chatId, ...(answering ? { reply_to: answering.id } : {}) };
  if (!file) return { address: 'api/sendText', body: { ...common, text } };
  if (file.size > LARGEST) throw new Error(t('From here, files are at most 16 MB. The API takes larger ones by URL.'));
  const data = await base64(file);
  const kind = /^image\/(jpeg|png)$/.test(file.type) ? 'Image' : 'File';
  const body = { ...common, caption: text || undefined, file: { data, filename: file.name, mimetype: file.type || 'application/octet-stream' } };
  return { address: `api/send${kind}`, body };
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(new Error(t('The file cannot be read.')));
    reader.readAsDataURL(file);
  });
}

function curl(session, chatId, text, answering, attempt) {
  const body = { session, chatId, text: text || 'Hello!', ...(answering ? { reply_to: answering.id } : {}) };
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  const address = new URL('api/sendText', location.href.split('#')[0]);
  return `curl -X POST ${address} \\\n  -H "X-Api-Key: $KEY" -H 'Content-Type: application/json' \\\n  -H 'Idempotency-Key: ${attempt}' \\\n  -d '${quoted}'`;
}
