import { Token } from '@lumino/coreutils';
import type { Model } from './model';

/** The model of this front end, for other extensions. */
export type IMloModel = Model;

export const IMloModel = new Token<IMloModel>(
  'jupyter-mlo:IMloModel',
  'Who answers for what runs in the notebooks of this window.'
);

/** Commands; the palette, menus and the status bar use these. */
export const CommandIDs = {
  open: 'mlo:open',
  signIn: 'mlo:sign-in',
  signOut: 'mlo:sign-out',
  toggleMarks: 'mlo:toggle-marks',
  whoRan: 'mlo:who-ran'
} as const;

export const SETTINGS = 'jupyter-mlo:plugin';
/** The gettext domain. */
export const DOMAIN = 'jupyter_mlo';
