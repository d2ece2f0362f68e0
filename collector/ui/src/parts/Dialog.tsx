import { Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';

interface Props extends Pick<ModalProps, 'size' | 'closeOnClickOutside' | 'onClose'> {
  title: string;
  children: ReactNode;
}

let dialogs = 0; // that are open
let opener: Element | null = null; // what had the focus before the first of those that follow each other

// Dialog is open as long as it is there. When it goes, the focus goes back to where it
// was: to the button that opened it, for who has no mouse. A button of a dialog that is
// gone cannot have it: then to what opened that one.
export function Dialog({ children, ...rest }: Props) {
  const t = useT();
  const [before] = useState(() => {
    const at = document.activeElement;
    if (dialogs === 0) opener = at;
    return [at, opener];
  });
  useEffect(() => {
    dialogs++;
    return () => {
      dialogs--;
      requestAnimationFrame(() => { // after the dialog's own trap let go
        const to = before.find((x) => x instanceof HTMLElement && x !== document.body && x.isConnected);
        if (to instanceof HTMLElement && document.activeElement === document.body) to.focus();
      });
    };
  }, [before]);
  return <Modal opened closeButtonProps={{ 'aria-label': t('close') }} {...rest}>{children}</Modal>;
}
