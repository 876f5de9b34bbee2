/** Validators from the OpenAPI document. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** @returns a validator for one of the schemas of the document, which refuses undocumented fields */
export function validatorOf(document: { readonly components: object }, reference: string): ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true });
  ajv.addVocabulary(['components']);
  ajv.addSchema(closed({ $id: 'document', components: document.components }) as object);
  return ajv.compile({ $ref: `document${reference}` });
}

function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in schema ? { ...inner, additionalProperties: false } : inner;
}
