import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Api, Me, NotebookRecords, NotebookVerdict, Refusal } from './api';

const BASE = 'jupyter-mlo';

/** Why the server did not do it, in words for the user. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly hint: string | null = null,
    readonly reason = 'unreachable',
    /** HTTP status; 0 where no answer came. */
    readonly status = 0
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** The REST routes of the server extension. */
export class ServerApi implements Api {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  // With it the server learns that this page has the panel: %mlo_login opens it then.
  me = (): Promise<Me> => this.ask('GET', 'me?panel=1');
  login: Api['login'] = login => this.ask('POST', 'login', login);
  logout = (): Promise<Me> => this.ask('POST', 'logout', {});
  renew: Api['renew'] = renewal => this.ask('POST', 'renew', renewal);
  present: Api['present'] = presentation => this.ask('PATCH', 'session', presentation);
  enroll: Api['enroll'] = enrolment => this.ask('POST', 'enroll', enrolment);
  notebook = (path: string): Promise<NotebookVerdict> =>
    this.ask('GET', 'notebook' + URLExt.objectToQueryString({ path }));
  records = (path: string): Promise<NotebookRecords> =>
    this.ask('GET', 'notebook/records' + URLExt.objectToQueryString({ path }));

  private async ask<T>(method: string, route: string, body?: object): Promise<T> {
    const url = URLExt.join(this.settings.baseUrl, BASE, route);
    const init: RequestInit = { method };
    if (body) {
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new RequestError('The server does not answer');
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    try {
      return (await response.json()) as T;
    } catch {
      throw new RequestError(
        'The answer of the server is not JSON',
        null,
        'not-json',
        response.status
      );
    }
  }
}

async function refusal(response: Response): Promise<RequestError> {
  let said: Partial<Refusal> = {};
  try {
    said = (await response.json()) as Partial<Refusal>;
  } catch {
    // A proxy's page, say: the status has to do.
  }
  return new RequestError(
    said.message ?? `The server answered ${response.status}`,
    said.hint ?? null,
    said.reason ?? 'http',
    response.status
  );
}
