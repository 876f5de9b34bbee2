/**
 * Serializes the part of ONNX's protobuf messages that our graphs need. Field numbers are those of
 * onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). No I/O.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** TensorProto.DataType */
export const FLOAT = 1;
export const UINT8 = 2;
const INT8 = 3;
export const INT32 = 6;
export const INT64 = 7;

export type TensorData = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;

export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** An integer is an INT attribute, `float` a FLOAT, and a list INTS. */
export type Attribute = number | { readonly float: number } | readonly number[];

export interface Node {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** An input or output of the graph; a string names a dimension that is known only at run time. */
export interface Value {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** @param opsets version of each operator set by its domain; the empty domain is ONNX's own */
export function encodeModel(graph: Graph, opsets: Readonly<Record<string, number>>): Uint8Array<ArrayBuffer> {
  const IR_VERSION = 8; // The version that belongs to opset 17.
  return message((model) => {
    model.tag(1, WireType.Varint).int64(IR_VERSION);
    text(model, 2, 'edge-fill-mask');
    nested(model, 7, (w) => encodeGraph(w, graph));
    for (const [domain, version] of Object.entries(opsets)) {
      nested(model, 8, (w) => {
        text(w, 1, domain);
        w.tag(2, WireType.Varint).int64(version);
      });
    }
  });
}

function encodeGraph(w: BinaryWriter, graph: Graph): void {
  for (const node of graph.nodes) nested(w, 1, (inner) => encodeNode(inner, node));
  text(w, 2, graph.name);
  for (const initializer of graph.initializers) nested(w, 5, (inner) => encodeTensor(inner, initializer));
  for (const value of graph.inputs) nested(w, 11, (inner) => encodeValue(inner, value));
  for (const value of graph.outputs) nested(w, 12, (inner) => encodeValue(inner, value));
}

function encodeNode(w: BinaryWriter, { operator, domain, inputs, outputs, attributes }: Node): void {
  for (const input of inputs) text(w, 1, input);
  for (const output of outputs) text(w, 2, output);
  text(w, 4, operator);
  for (const [name, value] of Object.entries(attributes)) nested(w, 5, (inner) => encodeAttribute(inner, name, value));
  if (domain) text(w, 7, domain);
}

/** AttributeProto.AttributeType: FLOAT 1, INT 2, INTS 7. */
function encodeAttribute(w: BinaryWriter, name: string, value: Attribute): void {
  text(w, 1, name);
  if (typeof value === 'number') {
    w.tag(3, WireType.Varint).int64(value).tag(20, WireType.Varint).int32(2);
  } else if ('float' in value) {
    w.tag(2, WireType.Bit32).float(value.float).tag(20, WireType.Varint).int32(1);
  } else {
    for (const item of value) w.tag(8, WireType.Varint).int64(item);
    w.tag(20, WireType.Varint).int32(7);
  }
}

function encodeTensor(w: BinaryWriter, { name, shape, data }: Initializer): void {
  for (const size of shape) w.tag(1, WireType.Varint).int64(size);
  w.tag(2, WireType.Varint).int32(typeOf(data));
  text(w, 8, name);
  // raw_data is little-endian, like the typed arrays of every machine that runs this.
  w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function typeOf(data: TensorData): number {
  if (data instanceof Float32Array) return FLOAT;
  if (data instanceof Uint8Array) return UINT8;
  if (data instanceof Int8Array) return INT8;
  return data instanceof Int32Array ? INT32 : INT64;
}

/** ValueInfoProto > TypeProto > TypeProto.Tensor > TensorShapeProto > Dimension. */
function encodeValue(w: BinaryWriter, { name, type, shape }: Value): void {
  text(w, 1, name);
  nested(w, 2, (typeProto) => {
    nested(typeProto, 1, (tensor) => {
      tensor.tag(1, WireType.Varint).int32(type);
      nested(tensor, 2, (dimensions) => {
        for (const size of shape) {
          nested(dimensions, 1, (dimension) => {
            if (typeof size === 'number') dimension.tag(1, WireType.Varint).int64(size);
            else text(dimension, 2, size);
          });
        }
      });
    });
  });
}

function message(write: (w: BinaryWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function nested(w: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  w.tag(field, WireType.LengthDelimited).fork();
  write(w);
  w.join();
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, WireType.LengthDelimited).string(value);
}
