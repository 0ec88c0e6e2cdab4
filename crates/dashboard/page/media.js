// The file of a message: pictures when they come into view, everything else when it is asked for. Fetched with the key, from this gateway alone.
import { request } from './api.js';
import { Button, html, Problem, useAction, useEffect, useRef, useState } from './ui.js';
import { t } from './words.js';

/** Kinds that a browser shows and that can hold nothing that runs. */
const PICTURES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'];
const SOUND = /^audio\/[\w.+-]+/;
const FILM = /^video\/[\w.+-]+/;

export function Media({ media }) {
  const [source, setSource] = useState('');
  const { run, busy, error } = useAction();
  const node = useRef(null);
  const type = (media.mimetype ?? '').split(';')[0];
  const name = media.filename || type || t('File');
  const show = () => run(async () => setSource(await fetched(media.url, shownAs(type))));
  useEffect(() => {
    if (!PICTURES.includes(type) || !media.url) return undefined;
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      show();
    });
    seen.observe(node.current);
    return () => seen.disconnect();
  }, [media.url]);
  useEffect(() => () => source && URL.revokeObjectURL(source), [source]);
  return html`<div class="media" ref=${node}>
    ${source && PICTURES.includes(type) ? html`<img src=${source} alt=${t('Picture of this message')} />` : null}
    ${source && SOUND.test(type) ? html`<audio src=${source} controls aria-label=${name}></audio>` : null}
    ${source && FILM.test(type) ? html`<video src=${source} controls aria-label=${name}></video>` : null}
    ${source && shownAs(type) === OTHER ? html`<a class="button second small" href=${source} download=${media.filename || 'file'}>${t('Save {name}', { name })}</a>` : null}
    ${source ? null : html`<${Button} kind="second small" busy=${busy} onClick=${show}>${t('Load {name}', { name })}<//>`}
    <${Problem} error=${error} />
  </div>`;
}

const OTHER = 'application/octet-stream';

/** As what the browser is given the file: whatever could run is bytes. */
function shownAs(type) {
  return PICTURES.includes(type) || SOUND.test(type) || FILM.test(type) ? type : OTHER;
}

async function fetched(url, type) {
  // Its address may name another host, as the gateway is called elsewhere: only the path below `api/files/` counts.
  const file = /\/api\/files\/([^?#]+)/.exec(url ?? '');
  if (!file) throw new Error(t('The gateway does not serve this file.'));
  const response = await request('GET', `api/files/${file[1]}`, { headers: { accept: '*/*' } });
  if (!response.ok) throw new Error((await response.json().catch(() => null))?.message ?? t('The gateway answered {status}.', { status: response.status }));
  return URL.createObjectURL(new Blob([await response.arrayBuffer()], { type }));
}
