"""The least that a FastAPI application does: what the service is measured beside."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/echo/{number}")
async def echo(number: int) -> dict[str, int]:
    """Returns the number."""
    return {"number": number}
