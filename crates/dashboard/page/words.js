// The page's languages. English stands in the code; every other language is a file in `languages/`, from the English text to its own.
const CHOICE = 'wakeeper-language';

/** Languages by their code, as they call themselves. */
export const LANGUAGES = { en: 'English', id: 'Bahasa Indonesia' };

let words = {};
let current = 'en';

/** The language that is shown. */
export const language = () => current;

/** Marks a text that `t` is given later. */
export const w = (text) => text;

/** A text in the language that is shown; `{name}` in it stands for a value. */
export function t(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));
}

/** Loads the language that was chosen, or that the browser asks for. */
export async function load() {
  const wanted = localStorage.getItem(CHOICE) ?? navigator.language.split('-')[0];
  current = wanted in LANGUAGES ? wanted : 'en';
  document.documentElement.lang = current;
  if (current === 'en') return;
  const file = new URL(`languages/${current}.json`, import.meta.url);
  words = await fetch(file).then((answer) => answer.json(), () => ({}));
}

/** Chooses a language, and shows the page in it. */
export function choose(code) {
  localStorage.setItem(CHOICE, code);
  location.reload();
}
