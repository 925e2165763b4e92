"""An OPC UA server by asyncua: `asyncua-server.py <port>` prints "ready"; each line on standard input is the JSON
{"name", "type", "value", "time", "status"} and is answered by "ok". It ends with its input."""

import asyncio
import json
import sys
from datetime import datetime

from asyncua import Server, ua


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[1]}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:peer:asyncua")
    nodes = {}
    async with server:
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            kind = ua.VariantType[order["type"]]
            name = order["name"]
            if name not in nodes:
                first = 0 if kind != ua.VariantType.String else ""
                nodes[name] = await server.nodes.objects.add_variable(
                    ua.NodeId(name, index), ua.QualifiedName(name, index), ua.Variant(first, kind)
                )
            value = order["value"]
            variant = ua.Variant(None, ua.VariantType.Null) if value is None else ua.Variant(value, kind)
            stamp = datetime.fromisoformat(order["time"])
            await nodes[name].write_value(
                ua.DataValue(variant, ua.StatusCode(order["status"]), SourceTimestamp=stamp)
            )
            print("ok", flush=True)


asyncio.run(main())
