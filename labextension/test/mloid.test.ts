import { checkCharacter, readTyped } from '../src/mloid';

// Made by the Python package, which uses python-stdnum.
const RIGHT = [
  'mlo:7K3D-9QXA-2MFB',
  'mlo:VHRN-GYCX-PNQE',
  'mlo:T2PP-B500-SSFY',
  'mlo:0000-0000-000D'
];

it('knows the check character of ISO 7064’s own system', () => {
  expect(checkCharacter('A12425GABC1234002')).toBe('M');
});

it.each(RIGHT)('takes %s however it is written', id => {
  const bare = id.slice(4).replace(/-/g, '');
  for (const text of [
    id,
    ` ${id} `,
    id.toLowerCase(),
    bare,
    id.replace(/-/g, '\u2013')
  ]) {
    expect(readTyped(text)).toEqual({ state: 'right', id });
  }
});

it('finds every single wrong character', () => {
  const id = 'mlo:7K3D-9QXA-2MFB';
  for (let at = 4; at < id.length; at++) {
    for (const other of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') {
      if (id[at] !== '-' && id[at] !== other) {
        expect(readTyped(id.slice(0, at) + other + id.slice(at + 1)).state).toBe(
          'mistyped'
        );
      }
    }
  }
});

it('reads I, L and O as the digits that they look like', () => {
  expect(readTyped('mlo:OOOO-oooo-oood')).toEqual({
    state: 'right',
    id: 'mlo:0000-0000-000D'
  });
});

it.each([
  ['', { state: 'empty' }],
  ['mlo:', { state: 'empty' }],
  ['7K3D-9', { state: 'incomplete', missing: 7 }],
  ['7K3D-9QXA-2MFBB', { state: 'too-long' }],
  ['7K3D-9UXA', { state: 'foreign', characters: ['U'] }],
  ['\u0131', { state: 'foreign', characters: ['\u0131'] }],
  ['did:key:zDn', { state: 'other', id: 'did:key:zDn' }]
])('says of %j what it is', (text, expected) => {
  expect(readTyped(text)).toEqual(expected);
});
