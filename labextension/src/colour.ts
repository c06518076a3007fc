const HEX = /^#[0-9a-f]{6}$/i;

/**
 * A profile's colour as background, with black or white on it, whichever contrasts more
 * (WCAG 2.2, relative luminance). Anything but `#rrggbb` gives the theme's own colours.
 */
export function paint(colour: string): { backgroundColor: string; color: string } {
  if (!HEX.test(colour)) {
    return {
      backgroundColor: 'var(--jp-layout-color3)',
      color: 'var(--jp-ui-font-color0)'
    };
  }
  const [red, green, blue] = [1, 3, 5].map(at => linear(colour, at)) as [
    number,
    number,
    number
  ];
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  // Equal contrast with both: (1.05)/(L+.05) = (L+.05)/.05.
  return { backgroundColor: colour, color: luminance > 0.179 ? '#000000' : '#ffffff' };
}

function linear(colour: string, at: number): number {
  const value = parseInt(colour.slice(at, at + 2), 16) / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
