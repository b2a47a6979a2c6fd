"""Bytes of large payloads behind one port, on a disk or elsewhere."""
