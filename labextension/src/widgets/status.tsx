import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { Badge } from '../components/badge';
import type { Model } from '../model';

/** The status bar's item. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly model: Model,
    private readonly trans: TranslationBundle,
    private readonly onOpen: () => void
  ) {
    super();
    this.addClass('jp-mlo-status');
  }

  protected override render(): React.JSX.Element {
    return <Badge model={this.model} trans={this.trans} onOpen={this.onOpen} />;
  }
}
