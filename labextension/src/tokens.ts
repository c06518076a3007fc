import { Token } from '@lumino/coreutils';
import type { OpenNotebooks } from './document';
import type { Model } from './model';

/** The model of this front end, for other extensions. */
export type IMloModel = Model;

export const IMloModel = new Token<IMloModel>(
  'jupyter-mlo:IMloModel',
  'Who answers for what runs in the notebooks of this window.'
);

/** The notebooks that are open here. */
export type IMloNotebooks = OpenNotebooks;

export const IMloNotebooks = new Token<IMloNotebooks>(
  'jupyter-mlo:IMloNotebooks',
  'The open notebooks of this window, each with what is known of its cells.'
);

/** Commands; the palette, menus and the status bar use these. */
export const CommandIDs = {
  open: 'mlo:open',
  signIn: 'mlo:sign-in',
  signOut: 'mlo:sign-out',
  toggleMarks: 'mlo:toggle-marks',
  whoRan: 'mlo:who-ran',
  verify: 'mlo:verify',
  seal: 'mlo:seal',
  showChanged: 'mlo:show-changed',
  mandates: 'mlo:mandates'
} as const;

export const SETTINGS = 'jupyter-mlo:plugin';
/** The gettext domain. */
export const DOMAIN = 'jupyter_mlo';
