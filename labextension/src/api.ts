/** What the server says and hears below `/jupyter-mlo/`. */

export type Kind = 'person' | 'team' | 'service' | 'assistant';

/** An MLO as it is shown: the profile's name, colour and initials beside the MLO ID. */
export interface Mlo {
  id: string;
  name: string;
  kind: Kind;
  colour: string;
  initials: string;
}

export interface SignedInMlo extends Mlo {
  assurance: string;
}

export interface Executor extends Mlo {
  /** The person for whom an assistant acted. */
  assistant_for?: string | null;
}

export interface Session {
  id: string;
  activity: string;
  model: string | null;
  on_behalf_of: string | null;
  /** ISO 8601. */
  started: string;
  /** ISO 8601. */
  expires: string;
  seconds_left: number;
}

export interface Me {
  user: { username: string; name: string; anonymous: boolean; shared: boolean };
  mlo: SignedInMlo | null;
  session: Session | null;
  known: Mlo[];
  activities: string[];
  problems: string[];
}

export interface Login {
  mlo: string;
  passphrase: string;
  hours: number;
  activity?: string;
  model?: string;
}

export interface Renewal {
  passphrase: string;
  hours: number;
}

export interface Presentation {
  activity?: string;
  model?: string;
  on_behalf_of?: string;
}

export interface Enrolment {
  name: string;
  email: string;
  passphrase: string;
}

/** What is known of the latest execution of a cell since the notebook was saved. */
export interface CellRecord {
  executor: Executor | null;
  activity: string | null;
  model: string | null;
  /** ISO 8601. */
  time: string | null;
  status: string;
}

export interface CellVerdict {
  index: number;
  id: string;
  kind: string;
  verdict: string;
  reasons: string[];
  assurance: string | null;
  executor: Executor | null;
  activity: string | null;
  model: string | null;
  time: string | null;
  statement: string | null;
}

export interface NotebookVerdict {
  path: string;
  verdict: { words: string; holds: boolean; sealed: boolean; as_of: string | null };
  cells: CellVerdict[];
}

export interface NotebookRecords {
  cells: Record<string, CellRecord>;
}

/** The body of every answer that is an error. */
export interface Refusal {
  message: string;
  hint: string | null;
  reason: string;
}

/** What the front end asks of the server. */
export interface Api {
  me(): Promise<Me>;
  login(login: Login): Promise<Me>;
  logout(): Promise<Me>;
  renew(renewal: Renewal): Promise<Me>;
  present(presentation: Presentation): Promise<Me>;
  enroll(enrolment: Enrolment): Promise<Me>;
  notebook(path: string): Promise<NotebookVerdict>;
  records(path: string): Promise<NotebookRecords>;
}
