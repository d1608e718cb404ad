"""The gate after dbt: may anybody read this build?"""
