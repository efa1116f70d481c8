/**
 * Finding a class by a few typed letters: the beginning of the name, of a word in it, of its words'
 * initials, or any part; Korean also by initial consonants and while a syllable is being composed.
 */

const INITIALS = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];
const VOWELS = "ㅏ ㅐ ㅑ ㅒ ㅓ ㅔ ㅕ ㅖ ㅗ ㅗㅏ ㅗㅐ ㅗㅣ ㅛ ㅜ ㅜㅓ ㅜㅔ ㅜㅣ ㅠ ㅡ ㅡㅣ ㅣ".split(
  " ",
);
const FINALS =
  ",ㄱ,ㄲ,ㄱㅅ,ㄴ,ㄴㅈ,ㄴㅎ,ㄷ,ㄹ,ㄹㄱ,ㄹㅁ,ㄹㅂ,ㄹㅅ,ㄹㅌ,ㄹㅍ,ㄹㅎ,ㅁ,ㅂ,ㅂㅅ,ㅅ,ㅆ,ㅇ,ㅈ,ㅊ,ㅋ,ㅌ,ㅍ,ㅎ".split(
    ",",
  );
const CLUSTERS = new Map(
  Object.entries({ ㄳ: "ㄱㅅ", ㄵ: "ㄴㅈ", ㄶ: "ㄴㅎ", ㄺ: "ㄹㄱ", ㄻ: "ㄹㅁ", ㄼ: "ㄹㅂ" }).concat(
    Object.entries({ ㄽ: "ㄹㅅ", ㄾ: "ㄹㅌ", ㄿ: "ㄹㅍ", ㅀ: "ㄹㅎ", ㅄ: "ㅂㅅ" }),
  ),
);
const FIRST_SYLLABLE = 0xac00;
const SYLLABLES = 11_172;

/** The keys a Korean keyboard needs for a text; other letters without case and accents. */
export function strokes(text) {
  return Array.from(plain(text), strokesOf).join("");
}

function plain(text) {
  const bare = text.normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  return bare.normalize("NFC").toLowerCase().trim();
}

function strokesOf(letter) {
  const n = letter.codePointAt(0) - FIRST_SYLLABLE;
  if (n < 0 || n >= SYLLABLES) return CLUSTERS.get(letter) ?? letter;
  const vowel = VOWELS[Math.floor((n % 588) / 28)];
  return INITIALS[Math.floor(n / 588)] + vowel + FINALS[n % 28];
}

function initialsOf(text) {
  return Array.from(plain(text), (letter) => {
    const n = letter.codePointAt(0) - FIRST_SYLLABLE;
    return n < 0 || n >= SYLLABLES ? letter : INITIALS[Math.floor(n / 588)];
  }).join("");
}

/** What a class name is looked up by, made once for each. */
export function indexed(name) {
  const words = wordsOf(name);
  const whole = joined(words, name);
  return {
    whole,
    bare: unspaced(whole),
    words: words.map(strokes),
    acronym: words.map((word) => word[0]).join(""),
    initials: initialsOf(words.join("")),
  };
}

function wordsOf(text) {
  return plain(text)
    .split(/[\s_\-/.,:;()]+/u)
    .filter(Boolean);
}

/** "pinbl" is typed for "pin_blocked" too. */
function unspaced(whole) {
  return whole.replaceAll(" ", "");
}

/** "card_arr", "card arr" and "Card-Arr" are typed for the same class. */
function joined(words, text) {
  return words.length ? strokes(words.join(" ")) : strokes(text);
}

const TESTS = [
  (entry, typed) => entry.whole === typed.whole,
  (entry, typed) => entry.whole.startsWith(typed.whole),
  (entry, typed) => entry.bare.startsWith(typed.bare),
  (entry, typed) => entry.words.some((word) => word.startsWith(typed.whole)),
  (entry, typed) => typed.isInitials && entry.initials.startsWith(typed.bare),
  (entry, typed) => typed.words.every((part) => entry.words.some((word) => word.startsWith(part))),
  (entry, typed) => typed.whole.length > 1 && entry.acronym.startsWith(typed.whole),
  (entry, typed) => typed.words.every((part) => entry.whole.includes(part)),
  (entry, typed) => entry.bare.includes(typed.bare),
  (entry, typed) => typed.isInitials && entry.initials.includes(typed.bare),
];

/** How well a name fits what was typed: 0 is best, null is not at all. */
function fit(entry, typed) {
  const found = TESTS.findIndex((test) => test(entry, typed));
  return found < 0 ? null : found;
}

/** The indices of the names that fit, best first; equals: recent ones first, then their order. */
export function search(index, text, recent = []) {
  const words = wordsOf(text);
  const whole = joined(words, text);
  const isInitials = /^[ㄱ-ㅎ]+$/u.test(words.join(""));
  const typed = { whole, bare: unspaced(whole), words: words.map(strokes), isInitials };
  const age = (at) => (recent.includes(at) ? recent.indexOf(at) : recent.length);
  return index
    .map((entry, at) => ({ at, fits: fit(entry, typed) }))
    .filter((found) => found.fits !== null)
    .sort((a, b) => a.fits - b.fits || age(a.at) - age(b.at) || a.at - b.at)
    .map((found) => found.at);
}
