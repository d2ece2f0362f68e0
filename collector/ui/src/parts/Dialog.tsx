import { Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';

interface Props extends Pick<ModalProps, 'size' | 'closeOnClickOutside' | 'onClose'> {
  title: string;
  children: ReactNode;
}

// Dialog is open as long as it is there. When it goes, the focus goes back to where it
// was: to the button that opened it, for who has no mouse.
export function Dialog({ children, ...rest }: Props) {
  const t = useT();
  const [before] = useState(() => document.activeElement);
  useEffect(() => () => {
    requestAnimationFrame(() => { // after the dialog's own trap let go
      if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus();
    });
  }, [before]);
  return <Modal opened closeButtonProps={{ 'aria-label': t('close') }} {...rest}>{children}</Modal>;
}
