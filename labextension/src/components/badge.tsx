import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { nameOf } from '../api';
import type { Model } from '../model';
import { term, timeLeft } from '../words';
import { Avatar } from './avatar';
import { useModel } from './drawing';

interface BadgeProps {
  model: Model;
  trans: TranslationBundle;
  onOpen: () => void;
}

/** The status bar's item: who, what for, how long still. */
export function Badge({ model, trans, onOpen }: BadgeProps): React.JSX.Element {
  useModel(model);
  const me = model.me;
  const signedIn = me?.mlo && me.session && model.signedIn;
  return (
    <button
      type="button"
      className="jp-mlo-badge"
      onClick={onOpen}
      title={trans.__('Show who you are (MLO)')}
    >
      {signedIn && me.mlo && me.session ? (
        <>
          <Avatar mlo={me.mlo} />
          <span>
            {nameOf(me.mlo)} · {term(me.session.activity ?? 'exploration', trans)} ·{' '}
            {timeLeft(model.secondsLeft, trans)}
          </span>
        </>
      ) : (
        <span>
          {model.who.state === 'failed'
            ? trans.__('MLO: server not reached')
            : model.who.state === 'loading'
              ? trans.__('MLO …')
              : trans.__('MLO: nobody signed in')}
        </span>
      )}
    </button>
  );
}
