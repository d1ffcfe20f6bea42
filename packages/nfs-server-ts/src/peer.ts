/** Who is at the other end of a connection, as far as the network and TLS know. */
export interface Peer {
  /** Without its port. */
  readonly address: string;
  readonly port: number;
  /** `undefined`: the connection is in clear text. */
  readonly tls: TlsPeer | undefined;
}

export interface TlsPeer {
  /** Verified against the authorities that the server trusts; `undefined`: the client showed none (RFC 9289 §4.2). */
  readonly certificate: PeerCertificate | undefined;
}

/** What is known of the host that a certificate was made for. It says nothing about the users on it. */
export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** DNS names and addresses of the subjectAltName; without any, the common name (RFC 9289 §5.2.1). */
  readonly names: readonly string[];
  /** SHA-256 of the DER encoding, hexadecimal in lower case without colons. */
  readonly fingerprint: string;
}
