import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Api, Problem } from './api';

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

  // The panel is here: the server tells kernels so.
  me: Api['me'] = () => this.ask('GET', `me${query({ panel: '1' })}`);
  login: Api['login'] = form => this.ask('POST', 'login', form);
  logout: Api['logout'] = () => this.ask('POST', 'logout', {});
  renew: Api['renew'] = form => this.ask('POST', 'renew', form);
  act: Api['act'] = form => this.ask('PATCH', 'session', form);
  enroll: Api['enroll'] = form => this.ask('POST', 'enroll', form);
  backUp: Api['backUp'] = form => this.ask('POST', 'key/backup', form);
  verdict: Api['verdict'] = path => this.ask('GET', `notebook${query({ path })}`);
  changes: Api['changes'] = path => this.ask('GET', `notebook/changes${query({ path })}`);
  history: Api['history'] = (path, before) => {
    const page = before === null ? { path } : { path, before };
    return this.ask('GET', `notebook/history${query(page)}`);
  };
  seal: Api['seal'] = form => this.ask('POST', 'notebook/seal', form);
  statement: Api['statement'] = (id, path) =>
    this.ask('GET', `statement/${id}${query({ path })}`);
  marks: Api['marks'] = kernel =>
    this.ask('GET', `kernels/${encodeURIComponent(kernel)}/marks`);
  mandates: Api['mandates'] = () => this.ask('GET', 'mandates');
  preview: Api['preview'] = wish => this.ask('POST', 'mandates/preview', wish);
  makeMandate: Api['makeMandate'] = form => this.ask('POST', 'mandates', form);
  renewMandate: Api['renewMandate'] = (id, form) =>
    this.ask('POST', `mandates/${id}/renew`, form);
  revokeMandate: Api['revokeMandate'] = (id, form) =>
    this.ask('POST', `mandates/${id}/revoke`, form);

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

const query = URLExt.objectToQueryString;

async function refusal(response: Response): Promise<RequestError> {
  let said: Partial<Problem> = {};
  try {
    said = (await response.json()) as Partial<Problem>;
  } catch {
    // A proxy's page, say: the status has to do.
  }
  return new RequestError(
    said.message ?? `The server answered ${response.status}`,
    said.hint ?? null,
    said.message === undefined ? 'wordless' : (said.reason ?? 'http'),
    response.status
  );
}

/** Whatever was thrown, as something to show. */
export function asRequestError(error: unknown): RequestError {
  return error instanceof RequestError
    ? error
    : new RequestError(
        error instanceof Error ? error.message : String(error),
        null,
        'page'
      );
}
