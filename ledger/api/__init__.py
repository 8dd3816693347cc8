"""The partner API's doors to points: members, earning, spending, holds, reversals."""
