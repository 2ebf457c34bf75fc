"""What the service is measured beside, each an ASGI application for a process of its own.

`echo` shows what client and server cost by themselves; `floor` is the least that a durable answer
costs; `validate` only checks the body; `naive` is what one writes on a first afternoon.
"""
