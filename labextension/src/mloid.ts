/**
 * Native MLO IDs while they are typed: `mlo:XXXX-XXXX-XXXC`, eleven characters of Crockford's
 * base-32 alphabet and an ISO 7064 MOD 37,36 check character.
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ISO_7064 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LENGTH = 12;
const OTHER_SCHEME = /^\s*(?!mlo:)[a-z][a-z0-9+.-]*:/i;
/** White space and what keyboards and word processors make of a dash. */
const SEPARATORS = /[\s\-\u2010-\u2015\u2212]+/g;
const MISREAD: Record<string, string> = { I: '1', L: '1', O: '0' };

export type Typed =
  | { state: 'empty' }
  /** An identifier of another scheme (did:key, ORCID, SPIFFE): the server judges it. */
  | { state: 'other'; id: string }
  | { state: 'foreign'; characters: string[] }
  | { state: 'incomplete'; missing: number }
  | { state: 'too-long' }
  | { state: 'mistyped'; id: string }
  | { state: 'right'; id: string };

/** What the text in the field is so far. */
export function readTyped(text: string): Typed {
  if (OTHER_SCHEME.test(text)) {
    return { state: 'other', id: text.trim() };
  }
  const characters = bare(text);
  if (!characters.length) {
    return { state: 'empty' };
  }
  const foreign = [...new Set(characters.filter(c => !ALPHABET.includes(c)))];
  if (foreign.length) {
    return { state: 'foreign', characters: foreign };
  }
  if (characters.length < LENGTH) {
    return { state: 'incomplete', missing: LENGTH - characters.length };
  }
  if (characters.length > LENGTH) {
    return { state: 'too-long' };
  }
  const whole = characters.join('');
  const id = `mlo:${whole.slice(0, 4)}-${whole.slice(4, 8)}-${whole.slice(8)}`;
  const right = checkCharacter(whole.slice(0, -1)) === whole.slice(-1);
  return { state: right ? 'right' : 'mistyped', id };
}

/** ISO/IEC 7064:2003 MOD 37,36, the hybrid system (clause 9). */
export function checkCharacter(body: string): string {
  let product = 36;
  for (const character of body) {
    const sum = (product + ISO_7064.indexOf(character)) % 36 || 36;
    product = (sum * 2) % 37;
  }
  return ISO_7064.charAt((37 - product) % 36);
}

/** The characters that count, in upper case, misreadings undone. */
function bare(text: string): string[] {
  const joined = text.replace(SEPARATORS, '').replace(/^mlo:/i, '');
  // toUpperCase() of anything but ASCII could turn it into a letter of the alphabet.
  return Array.from(joined)
    .map(c => (/[a-z]/.test(c) ? c.toUpperCase() : c))
    .map(c => MISREAD[c] ?? c);
}
