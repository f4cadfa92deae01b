"""The sidecar: a verified release and ONNX models in, names of performers out."""
