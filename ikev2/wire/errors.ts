/** What can be wrong with a message, and what the peer is told. */

import { DecodeError } from './cursor.ts';
import { NOTIFY } from './registry.ts';

/** The ICV does not fit: the octets are nobody's, so nothing may be answered or changed. */
export class IntegrityError extends DecodeError {
  constructor(field: string, offset = 0) {
    super(field, offset, 'integrity check failed');
    this.name = 'IntegrityError';
  }
}

/** The SA that a Notify speaks of; without one, protocol 0 and no SPI. [RFC7296 3.10] */
export interface NotifySubject {
  readonly protocol: number;
  readonly spi: Uint8Array;
}

/** A breach of the protocol with the Notify (type, data, and the SA that it is about) that answers it. */
export class IkeError extends Error {
  readonly notifyType: number;
  readonly notifyData: Uint8Array;
  readonly subject: NotifySubject | undefined;

  constructor(
    reason: string,
    notifyType: number = NOTIFY.INVALID_SYNTAX,
    notifyData = new Uint8Array(0),
    subject?: NotifySubject,
  ) {
    super(reason);
    this.name = 'IkeError';
    this.notifyType = notifyType;
    this.notifyData = notifyData;
    this.subject = subject;
  }
}
