import { constants } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { PeerCertificate, TlsPeer } from './peer.ts';
import { peerGroup } from './peer-address.ts';
import { subjectNames } from './certificate-names.ts';
import { auth_flavor, beginAccepted, endRecord, msg_type, RPC_VERSION } from './rpc.ts';
import { XdrReader, XdrWriter } from './xdr.ts';

/** What a server shows of itself, and whom it trusts; all of it PEM. */
export interface TlsIdentity {
  /** The server's certificate first, then those between it and its authority. */
  readonly certificate: string;
  readonly key: string;
  /** Who signs the certificates of clients; `undefined`: clients are not asked for any. */
  readonly authorities: string | undefined;
  /** Lists of certificates that their authorities have revoked. */
  readonly revoked: string | undefined;
}

/** RFC 9289 §4.1 and §5. */
const STARTTLS = Buffer.from('STARTTLS', 'ascii');
const ALPN = 'sunrpc';
const probeBytes = 40;

/**
 * The xid of a call that asks for TLS: NULL with an empty credential of flavor AUTH_TLS and an empty verifier (RFC 9289 §4.1).
 * `undefined`: it is another message.
 */
export function readTlsProbe(message: XdrReader): number | undefined {
  if (message.length !== probeBytes) return undefined;
  const reader = XdrReader.over(message.rest());
  const words = Array.from({ length: probeBytes / 4 }, () => reader.u32());
  const [xid, type, version, , , procedure, flavor, bodyLength, verifier, verifierLength] = words;
  const isCall = type === msg_type.CALL && version === RPC_VERSION;
  const isEmpty = bodyLength === 0 && verifier === auth_flavor.AUTH_NONE && verifierLength === 0;
  return isCall && procedure === 0 && flavor === auth_flavor.AUTH_TLS && isEmpty ? xid : undefined;
}

/** The record that says yes: what follows on the connection, in both directions, is TLS. */
export function startTlsReply(xid: number): Uint8Array[] {
  const writer = new XdrWriter();
  beginAccepted(writer, xid, 'SUCCESS', STARTTLS);
  return endRecord(writer);
}

/** A connection that has become a safe one. */
export interface Secured {
  readonly socket: TLSSocket;
  readonly peer: TlsPeer;
}

/**
 * TLS 1.3 for connections that ask for it (RFC 9289 §5). Clients may stay anonymous or show a certificate; one that shows a
 * certificate which is not good is not served. Nor is one that wants another protocol than `sunrpc` (ALPN); one that names none is,
 * because Linux (tlshd 1.4) does not. Sessions are not resumed, so that every connection is judged by what holds when it begins.
 */
export class RpcTls {
  readonly #handshakeMsMax: number;
  readonly #handshakesPerAddressMax: number;
  #server: Server;
  /** Handshakes under way, by both ends. */
  readonly #waiting = new Map<string, (socket: TLSSocket) => void>();
  /** How many those are for each address. */
  readonly #countByAddress = new Map<string, number>();

  /** Throws when the identity is not usable. `handshakeMsMax` is real time: node:tls measures it. */
  constructor(identity: TlsIdentity, { handshakeMsMax = 10_000, handshakesPerAddressMax = 32 } = {}) {
    this.#handshakeMsMax = handshakeMsMax;
    this.#handshakesPerAddressMax = handshakesPerAddressMax;
    this.#server = this.#serverOf(identity);
  }

  /** Connections that begin from now on see it. Throws when it is not usable; the former one stays then. */
  renew(identity: TlsIdentity): void {
    this.#server = this.#serverOf(identity);
  }

  /**
   * Goes on in TLS with a peer to whom `startTlsReply` was sent. Rejects, with the socket destroyed, when that fails, and when too many
   * of its address are at it: a handshake costs as much as hundreds of calls. The socket must have no listeners for data.
   */
  async secure(plain: Socket): Promise<Secured> {
    // Who ends its side during the handshake wants nothing more; who ends it later still waits for replies.
    plain.allowHalfOpen = false;
    const socket = await this.#inShare(plain, () => this.#shakeHands(plain));
    socket.allowHalfOpen = true;
    try {
      return { socket, peer: { certificate: certificateOf(socket) } };
    } catch (failure) {
      socket.destroy();
      throw failure;
    }
  }

  async #inShare<T>(plain: Socket, shake: () => Promise<T>): Promise<T> {
    const address = peerGroup(plain.remoteAddress ?? '');
    const count = this.#countByAddress.get(address) ?? 0;
    if (count >= this.#handshakesPerAddressMax) {
      plain.destroy();
      throw new Error('too many handshakes with its address are under way');
    }
    this.#countByAddress.set(address, count + 1);
    try {
      return await shake();
    } finally {
      const left = (this.#countByAddress.get(address) ?? 0) - 1;
      if (left === 0) this.#countByAddress.delete(address);
      else this.#countByAddress.set(address, left);
    }
  }

  #shakeHands(plain: Socket): Promise<TLSSocket> {
    const end = endOf(plain);
    const server = this.#server;
    return new Promise<TLSSocket>((resolve, reject) => {
      let reason = 'the peer hung up during the handshake';
      const note = (failure: Error, socket: TLSSocket): void => {
        if (endOf(socket) !== end) return;
        reason = failure.message;
        // A handshake that takes too long is told of, and left as it is.
        plain.destroy();
      };
      const finish = (): void => {
        this.#waiting.delete(end);
        server.off('tlsClientError', note);
        plain.off('close', closed);
      };
      const closed = (): void => {
        finish();
        reject(new Error(reason));
      };
      this.#waiting.set(end, (socket) => {
        finish();
        resolve(socket);
      });
      server.on('tlsClientError', note);
      plain.on('close', closed);
      server.emit('connection', plain);
    });
  }

  #serverOf({ certificate, key, authorities, revoked }: TlsIdentity): Server {
    const server = createServer({
      cert: certificate,
      key,
      // Of no use to anyone but the authorities that are named: an empty list is not the system's.
      ca: authorities ?? [],
      ...(revoked !== undefined && { crl: revoked }),
      requestCert: authorities !== undefined,
      // Whoever shows none may go on; whoever shows a bad one is turned away in `certificateOf`.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      // A certificate is looked at on every connection.
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: [ALPN],
      handshakeTimeout: this.#handshakeMsMax,
      sessionIdContext: ALPN,
    });
    server.setMaxListeners(0);
    server.on('secureConnection', (socket) => {
      const proceed = this.#waiting.get(endOf(socket));
      if (proceed === undefined) socket.destroy();
      else proceed(socket);
    });
    return server;
  }
}

/** One peer's port may be at two addresses of this machine at a time. */
const endOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

/** Throws when the peer shows a certificate that nobody trusted signed. */
function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (!socket.authorized) throw new Error(`the peer's certificate is not good: ${socket.authorizationError}`);
  return describe(certificate);
}

/** What export rules and logs go by. */
function describe(certificate: X509Certificate): PeerCertificate {
  const oneLine = (name: string): string => name.split('\n').join(', ');
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: subjectNames(certificate.subjectAltName, certificate.subject),
    fingerprint: certificate.fingerprint256.replace(/:/g, '').toLowerCase(),
  };
}
