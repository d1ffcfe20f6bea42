import { Kind, OptionalKind, type TArray, type TObject, type TSchema } from '@sinclair/typebox';
import { S3Error } from './errors.ts';
import { xmlElement, type XmlNode } from './xml.ts';

/**
 * A value in the shape of `schema` from an element, member names being element names: object → child elements, array →
 * the repeated elements of that name (S3 does not wrap its lists), the rest → text. A member `@name` is an attribute.
 * Unknown elements are ignored as S3 ignores them. What does not fit is left out or kept as text, so that the schema's validation refuses it.
 */
export function fromXml(schema: TSchema, node: XmlNode): unknown {
  switch (schema[Kind]) {
    case 'Object':
      return objectFrom(schema as TObject, node);
    case 'Integer':
      return /^\s*-?\d{1,16}\s*$/.test(node.text) ? Number(node.text) : node.text;
    case 'Boolean':
      return booleanFrom(node.text.trim());
    default:
      return node.text;
  }
}

function objectFrom(schema: TObject, node: XmlNode): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const child of node.children) {
    const member = schema.properties[child.name];
    if (member === undefined) continue;
    if (member[Kind] === 'Array') {
      const list = (value[child.name] ??= []) as unknown[];
      list.push(fromXml((member as TArray).items, child));
    } else if (child.name in value) {
      throw new S3Error('MalformedXML');
    } else {
      value[child.name] = fromXml(member, child);
    }
  }
  for (const name in node.attributes) {
    if (`@${name}` in schema.properties) value[`@${name}`] = node.attributes[name];
  }
  return withEmptyLists(schema, value);
}

/** A list without elements is an absent list on the wire. */
function withEmptyLists(schema: TObject, value: Record<string, unknown>): Record<string, unknown> {
  for (const [name, member] of Object.entries(schema.properties)) {
    if (member[Kind] === 'Array' && member[OptionalKind] === undefined) value[name] ??= [];
  }
  return value;
}

function booleanFrom(text: string): boolean | string {
  if (text === 'true' || text === 'TRUE') return true;
  if (text === 'false' || text === 'FALSE') return false;
  return text;
}

/** The element that `fromXml` reads `value` from, members in the order of the schema. */
export function toXml(schema: TSchema, name: string, value: unknown, attributes = ''): string {
  if (schema[Kind] !== 'Object') return xmlElement(name, value as string | number | boolean);
  const members = value as Readonly<Record<string, unknown>>;
  let content = '';
  for (const [member, memberSchema] of Object.entries((schema as TObject).properties)) {
    const given = members[member];
    if (memberSchema[Kind] === 'Array')
      for (const item of (given ?? []) as readonly unknown[])
        content += toXml((memberSchema as TArray).items, member, item);
    else if (given !== undefined) content += toXml(memberSchema, member, given);
  }
  return content === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${content}</${name}>`;
}
