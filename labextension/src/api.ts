/** What the server says and hears below `/jupyter-mlo/`; the forms come from its `openapi.json`. */

import type { components } from './generated';

type Forms = components['schemas'];

/** An MLO as it is shown: the profile's name, colour and initials beside the MLO ID. */
export type Somebody = Forms['Somebody'];
export type Session = Forms['OpenSession'];
export type Me = Forms['Me'];
export type Login = Forms['Login'];
export type Renewal = Forms['Renewal'];
export type Acting = Forms['Acting'];
export type KeyBackup = Forms['KeyBackup'];
export type BackupFile = Forms['BackupFile'];
export type Enrolling = Forms['Enrolling'];
export type LiveMark = Forms['Mark'];
export type Marks = Forms['Marks'];
export type CellVerdict = Forms['CellVerdict'];
export type Summary = Forms['Summary'];
export type NotebookVerdict = Forms['NotebookVerdict'];
export type Changes = Forms['Changes'];
export type Sealing = Forms['Sealing'];
export type Meaning = NonNullable<Sealing['meaning']>;
export type Intended = Forms['Intended'];
export type History = Forms['History'];
export type HistoryEntry = Forms['HistoryEntry'];
export type StatementView = Forms['StatementView'];
export type Wish = Forms['Wish'];
export type Mandate = Forms['Mandate'];
export type Mandates = Forms['Mandates'];
export type MandateScope = Forms['MandateScope'];
export type MandateParameter = Forms['MandateParameter'];
export type MandatePreview = Forms['MandatePreview'];
export type MandateMaking = Forms['MandateMaking'];
export type MandateRenewal = Forms['MandateRenewal'];
export type MandateRevocation = Forms['MandateRevocation'];
export type MadeMandate = Forms['MadeMandate'];
/** The body of every answer that is an error. */
export type Problem = Forms['Problem'];

/** What the front end asks of the server. */
export interface Api {
  me(): Promise<Me>;
  login(form: Login): Promise<Me>;
  logout(): Promise<Me>;
  renew(form: Renewal): Promise<Me>;
  act(form: Acting): Promise<Me>;
  enroll(form: Enrolling): Promise<Me>;
  backUp(form: KeyBackup): Promise<BackupFile>;
  verdict(path: string): Promise<NotebookVerdict>;
  changes(path: string): Promise<Changes>;
  /** Newest first; those before an index, if one is given. */
  history(path: string, before: number | null): Promise<History>;
  seal(form: Sealing): Promise<Intended>;
  /** Of the ledger, or carried by the notebook at the path. */
  statement(id: string, path: string): Promise<StatementView>;
  marks(kernel: string): Promise<Marks>;
  mandates(): Promise<Mandates>;
  /** What a mandate would permit; nothing is made. */
  preview(wish: Wish): Promise<MandatePreview>;
  makeMandate(form: MandateMaking): Promise<MadeMandate>;
  renewMandate(id: string, form: MandateRenewal): Promise<MadeMandate>;
  revokeMandate(id: string, form: MandateRevocation): Promise<Mandate>;
}

/** The name that people know, or the MLO ID where no profile is here. */
export function nameOf(somebody: Somebody): string {
  return somebody.name ?? somebody.id;
}
