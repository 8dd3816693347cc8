"""What a delivery holds before it is sealed: tables, workbooks, pictures, sheets for printers, and archives.
All of it follows from its arguments alone, and comes in parts that can each be made by themselves.
"""
