// Backups of a session: made, checked, and given back after a look at what would change.
import { get, isMissing, path, post } from './api.js';
import { ago, size, stamp } from './figures.js';
import { Restore } from './restore.js';
import { Badge, Button, Empty, html, Problem, useAction, useLoad, useState } from './ui.js';
import { t } from './words.js';

export function Backups({ session }) {
  const { data, error, reload } = useLoad((signal) => get(path`api/sessions/${session.name}/backups`, signal), [session.name]);
  const making = useAction();
  const [restored, setRestored] = useState(null);
  if (isMissing(error)) return html`<section class="card"><${Empty}>${t('This gateway makes no backups through its API.')}<//></section>`;
  const make = () => making.run(async () => {
    await post(path`api/sessions/${session.name}/backups`);
    reload();
  });
  return html`<section class="card" aria-labelledby="backups-title">
    <div class="bar"><h2 id="backups-title" class="grow">${t('Backups')}</h2><${Button} busy=${making.busy} onClick=${make}>${t('Make a backup')}<//></div>
    <${Problem} error=${error ?? making.error} />
    ${data && !data.length ? html`<${Empty}>${t('There is none yet.')}<//>` : null}
    <ul class="plain-list">${(data ?? []).map((backup) => html`<${Backup} key=${backup.id} session=${session.name} backup=${backup} onRestore=${() => setRestored(backup)} />`)}</ul>
    ${restored ? html`<${Restore} session=${session.name} backup=${restored} onClose=${() => { setRestored(null); reload(); }} />` : null}
  </section>`;
}

function Backup({ session, backup, onRestore }) {
  const { run, busy, error } = useAction();
  const [verified, setVerified] = useState(null);
  const verify = () => run(async () => setVerified(await post(path`api/sessions/${session}/backups/${backup.id}/verify`)));
  return html`<li class="hook">
    <div class="grow"><p><strong title=${stamp(backup.created_at)}>${stamp(backup.created_at)}</strong> <span class="soft">${ago(backup.created_at)}</span></p>
      <p class="soft">${[backup.reason, size(backup.size), backup.encrypted ? t('encrypted') : '', backup.account].filter(Boolean).join(' · ')}</p>
      ${backup.problem ? html`<p class="problem">${backup.problem}</p>` : null}
      ${verified ? html`<p role="status"><${Badge} kind=${verified.sound ? 'good' : 'bad'}>${verified.sound ? t('OK') : t('Not OK')}<//> ${t('login: {state}', { state: verified.credentials ?? '?' })}
        ${(verified.findings ?? []).map((one) => html` · <span class="mono">${one.code}</span>`)} ${verified.problem ?? ''}</p>` : null}
      <${Problem} error=${error} /></div>
    <div class="actions"><${Button} kind="second small" busy=${busy} onClick=${verify}>${t('Verify')}<//><${Button} kind="second small" onClick=${onRestore}>${t('Restore …')}<//></div></li>`;
}
