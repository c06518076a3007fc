import { ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { OpenNotebook } from '../document';

/** Stands above a notebook in which something that was sealed has been altered. */
export class AlteredBanner extends ReactWidget {
  constructor(
    private readonly open: OpenNotebook,
    private readonly trans: TranslationBundle,
    private readonly onShow: () => void
  ) {
    super();
    this.addClass('jp-mlo-banner');
    this.hide();
    open.notebook.judged.connect(this.follow, this);
  }

  private follow(): void {
    const { verdict, asking } = this.open.notebook;
    if (asking.state !== 'ready' || !verdict) {
      return;
    }
    this.dismissed &&= verdict.altered;
    this.setHidden(!verdict.altered || this.dismissed);
    this.update();
  }

  protected override render(): React.JSX.Element {
    const { verdict } = this.open.notebook;
    return (
      <div role="alert" aria-label={this.trans.__('MLO')}>
        <p>
          <span className="jp-mlo-sign" aria-hidden="true">
            ≠
          </span>{' '}
          {this.trans.__('This notebook was altered after it was sealed.')}{' '}
          {verdict?.words}
        </p>
        <button type="button" className="jp-mod-styled" onClick={this.onShow}>
          {this.trans.__('Show what')}
        </button>
        <button
          type="button"
          className="jp-mod-styled"
          onClick={() => {
            this.dismissed = true;
            this.hide();
          }}
        >
          {this.trans.__('Dismiss')}
        </button>
      </div>
    );
  }

  private dismissed = false;
}
