/*
 * ONNX Runtime 1.29 and newer report each process and model to Microsoft over HTTPS, and keep an id of the device under
 * HOME, unless this is set before they are loaded. Import this before `onnxruntime-node`, and in the main thread: what
 * a worker thread sets does not reach native code.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
