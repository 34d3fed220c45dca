/*
 * ONNX Runtime 1.29 and newer report each process and model to their maker over HTTPS, and keep an id of the device under
 * HOME, unless this is set before they are loaded. To be imported before `onnxruntime-node`, and by the main thread: what
 * a worker thread sets does not reach native code.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
