import assert from 'node:assert/strict';
import type { Transport } from '../../src/transport.ts';

/** A connection without a network: what was sent is at hand, and the peer takes it when the test says so. */
export class FakeTransport implements Transport {
  readonly peer = { address: 'fake', port: 0, tls: undefined };
  readonly tls = 'off';
  readonly sent: Uint8Array[] = [];
  bytesQueued = 0;
  state: 'open' | 'paused' | 'ended' | 'destroyed' = 'open';
  /** Who wants to know that its message is gone. */
  #senders: (() => void)[] = [];

  send(parts: readonly Uint8Array[], whenSent?: () => void): void {
    const message = Buffer.concat(parts);
    this.sent.push(message);
    this.bytesQueued += message.length;
    if (whenSent !== undefined) this.#senders.push(whenSent);
  }
  /** The peer takes all that is queued. */
  take(): void {
    this.bytesQueued = 0;
    for (const whenSent of this.#senders.splice(0)) whenSent();
  }
  startTls(): void {
    assert.fail('TLS is off');
  }
  pause(): void {
    this.state = 'paused';
  }
  resume(): void {
    this.state = 'open';
  }
  end(): void {
    this.state = 'ended';
  }
  destroy(): void {
    this.state = 'destroyed';
  }
}
