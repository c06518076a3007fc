import type { TranslationBundle } from '@jupyterlab/translation';
import { type Message, MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { OpenNotebook } from '../document';
import { summaryOf } from '../words';

/** Stands above a notebook in which something that was sealed has been altered. */
export class AlteredBanner extends Widget {
  constructor(
    private readonly open: OpenNotebook,
    private readonly trans: TranslationBundle,
    onShow: () => void
  ) {
    super();
    this.addClass('jp-mlo-banner');
    this.hide();
    const said = document.createElement('p');
    const sign = document.createElement('span');
    sign.className = 'jp-mlo-sign';
    sign.ariaHidden = 'true';
    sign.textContent = '≠ ';
    const altered = trans.__('This notebook was altered after it was sealed.');
    said.append(sign, `${altered} `, this.words);
    this.content.setAttribute('role', 'alert');
    this.content.setAttribute('aria-label', trans.__('MLO'));
    this.content.append(
      said,
      button(trans.__('Show what'), onShow),
      button(trans.__('Dismiss'), () => {
        this.dismissed = true;
        this.hide();
      })
    );
    this.node.append(this.content);
    this.sizes.observe(this.content);
    open.notebook.judged.connect(this.follow, this);
  }

  override dispose(): void {
    this.sizes.disconnect();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.measure();
  }

  private follow(): void {
    const { verdict, asking } = this.open.notebook;
    if (asking.state === 'ready' && verdict) {
      this.dismissed &&= verdict.altered;
      this.words.textContent = summaryOf(verdict.summary, this.trans);
      this.setHidden(!verdict.altered || this.dismissed);
    }
  }

  /** As high as its text needs: what stands below goes by this. */
  private measure(): void {
    const height = `${this.content.offsetHeight}px`;
    if (this.isVisible && this.node.style.minHeight !== height) {
      this.node.style.minHeight = height;
      if (this.parent) {
        MessageLoop.postMessage(this.parent, Widget.Msg.FitRequest);
      }
    }
  }

  private readonly content = document.createElement('div');
  private readonly words = document.createElement('span');
  private readonly sizes = new ResizeObserver(() => {
    this.measure();
  });
  private dismissed = false;
}

function button(label: string, onClick: () => void): HTMLButtonElement {
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'jp-mod-styled';
  node.textContent = label;
  node.addEventListener('click', onClick);
  return node;
}
