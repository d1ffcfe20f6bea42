import { SaxesParser } from 'saxes';
import { XML_ATTRIBUTES_MAX, XML_BYTES_MAX, XML_DEPTH_MAX, XML_ELEMENTS_MAX } from '../../limits/s3.ts';
import { S3Error } from './errors.ts';

/** Starts every document and names the vocabulary of its root. */
export const xmlHead = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const xmlNamespace = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

const needsEscape = /[&<>"'\x00-\x1f]/;

const escapable = /[&<>"'\x00-\x1f]/g;

const escapeOf: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/**
 * Text for between tags. Control characters become character references, as S3 sends them although XML 1.0 has no
 * such characters (API_ListObjectsV2, encoding-type): the client that wants them safe asks for encoding-type=url.
 */
export function xmlText(text: string): string {
  if (!needsEscape.test(text)) return text;
  return text.replace(escapable, (one) => escapeOf[one] ?? `&#x${one.charCodeAt(0).toString(16)};`);
}

export const xmlElement = (name: string, value: string | number | boolean): string =>
  `<${name}>${typeof value === 'string' ? xmlText(value) : String(value)}</${name}>`;

/** The element, or nothing when there is no value. */
export const xmlOptional = (name: string, value: string | number | undefined): string =>
  value === undefined ? '' : xmlElement(name, value);

export interface XmlNode {
  readonly name: string;
  readonly children: readonly XmlNode[];
  /** Character data directly inside. */
  readonly text: string;
  /** By name without prefix. */
  readonly attributes: Readonly<Record<string, string>>;
}

interface OpenNode extends XmlNode {
  readonly children: XmlNode[];
  text: string;
  attributes: XmlNode['attributes'];
}

const noAttributes: XmlNode['attributes'] = {};

const localName = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1);

/** Declarations of namespaces are no attributes of their own. */
const withAttribute = ({ attributes }: XmlNode, name: string, value: string): XmlNode['attributes'] =>
  name === 'xmlns' || name.startsWith('xmlns:') ? attributes : { ...attributes, [localName(name)]: value };

const malformed = (): S3Error => new S3Error('MalformedXML');

/**
 * The root element. Bounded in bytes, depth, elements and their attributes; a document type declaration is refused, so there are no
 * entities but the five of XML. Names lose their prefix.
 */
export function parseXml(parts: readonly Uint8Array[]): XmlNode {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > XML_BYTES_MAX) throw new S3Error('MaxMessageLengthExceeded');
  const text = utf8(parts);
  const guarded = controlGuess.test(text) ? guardControls(text) : text;
  const tree = new TreeBuilder(guarded === text ? (content) => content : unguardControls);
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on('error', () => {
    throw malformed();
  });
  parser.on('doctype', () => {
    throw malformed();
  });
  let attributes = 0;
  parser.on('attribute', () => {
    attributes += 1;
    if (attributes > XML_ATTRIBUTES_MAX) throw malformed();
  });
  parser.on('opentag', (tag) => {
    attributes = 0;
    tree.open(tag.name, tag.attributes);
  });
  parser.on('text', (text) => tree.append(text));
  parser.on('cdata', (text) => tree.append(text));
  parser.on('closetag', () => tree.close());
  parser.write(guarded).close();
  return tree.root();
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function utf8(parts: readonly Uint8Array[]): string {
  try {
    return decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
  } catch {
    throw malformed();
  }
}

/*
 * Keys may hold control characters, clients send them raw or as references, and XML 1.0 has neither. They travel through
 * the parser as the 32 noncharacters U+FDD0 to U+FDEF; a document that uses those as well is refused.
 */

const controlGuess = /[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*1?[0-9a-f]|0*[123]?[0-9]);/i;

const controls = /[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(1?[0-9a-f])|0*([12]?[0-9]|3[01]));/gi;
const guardFirst = 0xfdd0;
const guards = /[\ufdd0-\ufdef]/g;

function guardControls(text: string): string {
  if (text.search(guards) >= 0) throw malformed();
  return text.replace(controls, (raw: string, hex: string | undefined, decimal: string | undefined) => {
    const reference = hex === undefined ? Number(decimal) : parseInt(hex, 16);
    const code = hex === undefined && decimal === undefined ? raw.charCodeAt(0) : reference;
    if (code === 0) throw malformed();
    return String.fromCharCode(guardFirst + code);
  });
}

const unguardControls = (text: string): string =>
  text.replace(guards, (one) => String.fromCharCode(one.charCodeAt(0) - guardFirst));

class TreeBuilder {
  readonly #restore: (content: string) => string;
  #root: OpenNode | undefined;
  #elements = 0;
  readonly #open: OpenNode[] = [];

  constructor(restore: (content: string) => string) {
    this.#restore = restore;
  }

  open(qualified: string, attributes: Readonly<Record<string, string>>): void {
    this.#elements += 1;
    if (this.#elements > XML_ELEMENTS_MAX || this.#open.length >= XML_DEPTH_MAX) throw malformed();
    const node: OpenNode = { name: localName(qualified), children: [], text: '', attributes: noAttributes };
    for (const name in attributes) node.attributes = withAttribute(node, name, attributes[name] ?? '');
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root ??= node;
    else parent.children.push(node);
    this.#open.push(node);
  }

  append(text: string): void {
    const node = this.#open.at(-1);
    if (node !== undefined) node.text += this.#restore(text);
  }

  close(): void {
    this.#open.pop();
  }

  root(): XmlNode {
    if (this.#root === undefined) throw malformed();
    return this.#root;
  }
}
