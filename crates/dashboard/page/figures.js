// Times, sizes and counts as people read them.
import { language, t } from './words.js';

const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** Milliseconds since 1970, however the moment is written; `null` when it is none. */
export function moment(value) {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'number') return value < 1e11 ? value * 1000 : value;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? null : parsed;
}

/** "12s ago". */
export function ago(value, now = Date.now()) {
  const at = moment(value);
  if (at === null) return t('never');
  return span(Math.round((at - now) / 1000));
}

/** A span of seconds, below 0 in the past, as "12s ago" or "in 3 min.". */
export function span(seconds) {
  const size = Math.abs(seconds);
  if (size < 1) return t('now');
  const [unit, length] = UNITS.find(([, length]) => size >= length) ?? UNITS[3];
  const format = new Intl.RelativeTimeFormat(language(), { style: 'narrow' });
  return format.format(Math.trunc(seconds / length), unit);
}

/** Date and time. */
export function stamp(value) {
  const at = moment(value);
  if (at === null) return t('never');
  return new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

/** The time of today, the date of other days. */
export function short(value) {
  const at = moment(value);
  if (at === null) return '';
  const today = new Date(at).toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(language(), today ? { timeStyle: 'short' } : { dateStyle: 'short' }).format(at);
}

/** Hours, minutes and seconds. */
export function clock(value) {
  const at = moment(value);
  return at === null ? '' : new Intl.DateTimeFormat(language(), { timeStyle: 'medium' }).format(at);
}

/** Bytes. */
export function size(bytes) {
  if (typeof bytes !== 'number') return '';
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const format = { style: 'unit', unit: units[step], unitDisplay: 'short', maximumFractionDigits: 1 };
  return new Intl.NumberFormat(language(), format).format(bytes / 1000 ** step);
}

/** A number. */
export const count = (number) => new Intl.NumberFormat(language()).format(number);

/** A chat's or account's id as people write it: `+62 811…`, or the id where it is no number. */
export function number(id) {
  const digits = /^(\d{5,20})(?::\d+)?@(?:c\.us|s\.whatsapp\.net)$/.exec(id ?? '');
  return digits ? `+${digits[1]}` : id ?? '';
}
