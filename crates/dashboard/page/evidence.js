// What proves that a session works, and how old each proof is.
import { ago, stamp } from './figures.js';
import { html, useTick } from './ui.js';
import { t, w } from './words.js';

const NAMES = {
  connected: w('Connection opened'),
  heard: w('Server heard'),
  received: w('Message received'),
  undecryptable: w('Message that could not be read'),
  acknowledged: w('Sent message acknowledged'),
  backup: w('Backup made'),
};

export function Evidence({ list }) {
  useTick(5_000);
  return html`<dl class="evidence">${(list ?? []).map((one) => html`<div key=${one.name}>
    <dt>${t(NAMES[one.name] ?? one.name)}</dt>
    <dd title=${one.at ? stamp(one.at) : ''}>${one.at ? ago(one.at) : t('never')}</dd></div>`)}</dl>`;
}
