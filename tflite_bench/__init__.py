"""The clock: network -> .tflite -> milliseconds. Knows nothing of MnasNet."""
