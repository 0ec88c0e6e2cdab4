// What every part of the page is built with. Everything is set as text or as an attribute, never as markup.
import { h, render } from './vendor/preact.js';
import { useEffect, useId, useMemo, useRef, useState } from './vendor/hooks.js';
import htm from './vendor/htm.js';
import { t } from './words.js';

export const html = htm.bind(h);
export { render, useEffect, useId, useMemo, useRef, useState };

/** A button. `busy` keeps it from being pressed twice. */
export function Button({ kind = '', busy = false, disabled = false, children, ...rest }) {
  return html`<button type="button" class=${kind} disabled=${busy || disabled} aria-busy=${busy} ...${rest}>${children}</button>`;
}

/** Why something did not work, read out at once. */
export function Problem({ error }) {
  if (!error) return null;
  return html`<p class="problem" role="alert">${error.message}${error.hint ? html`<small>${error.hint}</small>` : null}</p>`;
}

/** A label with its input, which it is given the id for. */
export function Field({ label, hint, children }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(id, hint ? `${id}-hint` : undefined)}
    ${hint ? html`<small id=${`${id}-hint`}>${hint}</small>` : null}
  </div>`;
}

/** A check box with its label. */
export function Check({ label, ...rest }) {
  const id = useId();
  return html`<div class="check"><input type="checkbox" id=${id} ...${rest} /><label for=${id}>${label}</label></div>`;
}

/** A dialog in front of the page; the browser keeps the focus inside. */
export function Dialog({ title, onClose, children }) {
  const node = useRef(null);
  const id = useId();
  useEffect(() => {
    node.current.showModal();
    return () => node.current?.close();
  }, []);
  const closed = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${node} aria-labelledby=${id} onCancel=${closed}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, text, action, onYes, onClose }) {
  const { run, busy, error } = useAction();
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <${Problem} error=${error} />
    <div class="actions">
      <${Button} kind="danger" busy=${busy} onClick=${() => run(async () => { await onYes(); onClose(); })}>${action}<//>
      <${Button} kind="second" onClick=${onClose}>${t('Cancel')}<//>
    </div>
  <//>`;
}

/** Text to copy, for example a command. */
export function Code({ text, label }) {
  return html`<div class="code"><pre tabindex="0" aria-label=${label}><code>${text}</code></pre><${Copy} text=${text} /></div>`;
}

/** Copies a text. */
export function Copy({ text, label }) {
  const [done, setDone] = useState(false);
  const copied = async () => {
    await copy(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<${Button} kind="second small" onClick=${copied}>${done ? t('Copied') : label ?? t('Copy')}<//>`;
}

async function copy(text) {
  // Only pages by https or of this machine may use the clipboard.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** A mark with a word: its meaning is never told by the colour alone. */
export function Badge({ kind = '', children }) {
  return html`<span class=${`badge ${kind}`}>${children}</span>`;
}

/** What a list shows when nothing is in it. */
export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

/** Runs one thing at a time, and keeps why it failed. */
export function useAction() {
  const [state, setState] = useState({ busy: false, error: null });
  const run = async (work) => {
    setState({ busy: true, error: null });
    try {
      await work();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return { ...state, run };
}

/** Loads something, again whenever `watched` changes or `reload` is called; what was there stays until the new comes. */
export function useLoad(work, watched) {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    work(abort.signal).then(
      (data) => abort.signal.aborted || setState({ data, error: null, loading: false }),
      (error) => abort.signal.aborted || setState((old) => ({ ...old, error, loading: false })),
    );
    return () => abort.abort();
  }, [...watched, turn]);
  return { ...state, reload: () => setTurn((n) => n + 1) };
}

/** Shown again as often, so that "12 s ago" goes on. */
export function useTick(milliseconds) {
  const [, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((n) => n + 1), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}

/** Something that changes, and whoever wants to know. */
export function observable(value) {
  const watching = new Set();
  let told = true;
  const tell = () => {
    told = true;
    for (const one of [...watching]) one();
  };
  return {
    get: () => value,
    set(next) {
      value = next;
      // However much happens at once, it is shown once.
      if (told) {
        told = false;
        setTimeout(tell, 50);
      }
    },
    watch(one) {
      watching.add(one);
      return () => watching.delete(one);
    },
  };
}

/** The value of an observable, shown again when it changes. */
export function useValue(source) {
  const [value, setValue] = useState(source.get());
  useEffect(() => {
    const changed = () => setValue(source.get());
    changed();
    return source.watch(changed);
  }, [source]);
  return value;
}
