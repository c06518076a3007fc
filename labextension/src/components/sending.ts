import * as React from 'react';
import { asRequestError, type RequestError } from '../request';

export interface Sending {
  sending: boolean;
  error: RequestError | null;
  /** Whether it went well; else `error` says why not. One at a time. */
  send: (action: () => Promise<unknown>) => Promise<boolean>;
}

/** One request of a form: under way, gone wrong or done. */
export function useSending(): Sending {
  const [sending, setSending] = React.useState(false);
  const [error, setError] = React.useState<RequestError | null>(null);
  const send = async (action: () => Promise<unknown>): Promise<boolean> => {
    if (sending) {
      return false;
    }
    setSending(true);
    setError(null);
    try {
      await action();
      return true;
    } catch (reason) {
      setError(asRequestError(reason));
      return false;
    } finally {
      setSending(false);
    }
  };
  return { sending, error, send };
}
