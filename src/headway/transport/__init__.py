"""The upstream side: HTTP/1.1 connections, pools, TLS and proxies. What a reply means is others' business."""
