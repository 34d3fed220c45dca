/*
 * Switches off the telemetry of ONNX Runtime. Versions 1.29 and newer report each process and model to Microsoft over
 * HTTPS and keep a device id under HOME, unless this variable is set before they are loaded. Import this file before
 * `onnxruntime-node`, in the main thread: native code does not see variables that a worker thread sets.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
